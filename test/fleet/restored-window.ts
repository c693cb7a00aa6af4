// A window whose store comes back knowing less, from its first lost reboot to its end: the same for every kind of store.
// What is expected of the restored store itself stands in each test.
import type { Test } from 'tap'
import { untilEvent } from '../demo/follow-events.ts'
import type { LocalFleet } from '../demo/local-fleet.ts'
import type { Host } from '../stand-ins/host/stand-in-host.ts'
import { isStep, view } from './open-window.ts'

export interface Owed { readonly id: string, readonly payByHand: string }

/** What pitstop says is not put back yet. */
export const owed = async ({ pitstop }: Pick<LocalFleet, 'pitstop'>): Promise<Owed[]> => JSON.parse((await pitstop(['obligations', '--open', '--json'])).stdout) as Owed[]

/** The first node is rebooted behind the back of a copy that was made before; then its coordinator dies. */
export async function rebootedBehindTheCopy(t: Test, fleet: LocalFleet, first: Host): Promise<void> {
  await untilEvent(fleet.socket, isStep('step-done', 'reboot', first.node))
  await fleet.killCoordinator('SIGKILL')
  await first.waitFor('Gitaly back', (host) => host.reboots().some(({ servingAt }) => servingAt !== undefined))
  t.equal(fleet.gitlab.world.weights()[first.node], 0, 'its weight is owed, and the copy does not know')
}

/** Resumes or aborts as a person does who is told that a write of the lost time may still land. */
export const saidToRestored = ({ pitstop }: Pick<LocalFleet, 'pitstop'>, word: 'resume' | 'abort', coordinator = 0): Promise<{ readonly exit: number, readonly stderr: string }> =>
  onceLanded(() => pitstop(['window', word, '--reason', 'the store was looked at'], { coordinator }))

/** Said once more when such a write cannot land any longer. */
async function onceLanded<T extends { readonly stderr: string }>(say: () => Promise<T>): Promise<T> {
  for (const until = Date.now() + 30_000;;) {
    const said = await say()
    if (!said.stderr.includes('may still land') || Date.now() > until) return said
  }
}

/** Puts every lost weight back as a person does, aborts, and holds the end against the beginning: one reboot, nothing left behind. */
export async function settledByHand(t: Test, { pitstop, gitlab, hosts }: LocalFleet, before: Readonly<Record<string, number>>): Promise<void> {
  for (const { id } of (await owed({ pitstop })).filter((promise) => promise.id.startsWith('found:weight:'))) {
    const storage = id.replace('found:weight:', '')
    gitlab.world.personSets(storage, before[storage] ?? 0)
    t.equal((await onceLanded(() => pitstop(['obligations', 'hand-over', id, '--reason', 'put back by hand']))).exit, 0)
  }
  t.match(await saidToRestored({ pitstop }, 'abort'), { exit: 0 })
  await pitstop(['window', 'watch', '--stay'])
  t.equal((await view({ pitstop })).phase, 'closed')
  t.same(gitlab.world.weights(), before)
  t.equal(gitlab.world.schedule?.active, true)
  t.same(hosts.map((host) => host.reboots().length), [1, 0])
}
