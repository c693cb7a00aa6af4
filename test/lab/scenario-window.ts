// Small steps that every lab scenario takes.
import { setTimeout as sleep } from 'node:timers/promises'
import type { WindowView } from '@pitstop/coordinator/domain/view'
import { untilEvent } from '../demo/follow-events.ts'
import { opened, view } from '../fleet/open-window.ts'
import { checkHistory } from '../world/check-history.ts'
import { fleetEvidence } from '../fleet/fleet-evidence.ts'
import { type Lab, type LabOptions, type LabParts, startLab } from './lab.ts'
import type { LabHost } from './lab-host.ts'
import { inVain } from './last-words.ts'
import type { Tap } from './lab-test.ts'

export const labPolicy = {
  'group-size': 1, 'settle': '100ms', 'soak': '500ms', 'watch': '500ms', 'canary-first': false,
  'estimates': { prepare: '1m', down: '10s' }, 'deadlines': { stage: '1m', upgrade: '1m', return: '12s' }
}

/** A scenario alone takes half a minute; beside everything else on a busy machine a shutdown once took longer than that. */
const patienceMs = 90_000

export interface ReadyLab extends Lab {
  readonly first: LabHost
  readonly second: LabHost
  readonly weightsBefore: Readonly<Record<string, number>>
}

/** Two hosts unless said otherwise: the second tells what a fault on the first does to the rest. */
export async function labReady(parts: LabParts, options: Partial<LabOptions> = {}): Promise<ReadyLab> {
  const lab = await startLab(parts, { hosts: 2, ...options, policy: { ...labPolicy, ...options.policy } })
  const [first, second = first] = lab.hosts
  if (first === undefined || second === undefined) throw new Error('a lab without hosts')
  return { ...lab, first, second, weightsBefore: lab.gitlab.world.weights() }
}

/** Opens a window and follows it to its end or halt. */
export async function patched(lab: Lab): Promise<{ readonly exit: number, readonly window: WindowView }> {
  await opened(lab)
  return await watched(lab)
}

export async function watched(lab: Lab): Promise<{ readonly exit: number, readonly window: WindowView }> {
  const { exit } = await inTime(lab, 'end or halt of the window', lab.pitstop(['window', 'watch']))
  return { exit, window: await view(lab) }
}

/** Resolves once the journal says that the node is healthy; it may have said so before. */
export async function healthy(lab: Lab, { node }: LabHost): Promise<void> {
  await inTime(lab, `health of ${node}`, untilEvent(lab.socket, (event) => event.type === 'node-healthy' && event.node === node))
}

/** In vain, the error says how every host stands. */
async function inTime<T>(lab: Lab, what: string, awaited: Promise<T>): Promise<T> {
  const late = new AbortController()
  const tooLate = async (): Promise<never> => {
    await sleep(patienceMs, undefined, { signal: late.signal })
    throw inVain(`no ${what} within ${patienceMs} ms`, (await Promise.all(lab.hosts.map((host) => host.lastWords()))).join('\n'))
  }
  try { return await Promise.race([awaited, tooLate()]) } finally { late.abort() }
}

export const phases = ({ nodes }: WindowView): readonly string[] => nodes.map(({ phase }) => phase)

export const codes = ({ nodes }: WindowView, index: number): readonly string[] => nodes[index]?.reasons.map(({ code }) => code) ?? []

export const isOrderRunning = (host: LabHost, step: string) => async (): Promise<boolean> =>
  new RegExp(`pitstop-${step}-\\S+\\.service\\s+loaded active`).test((await host.run('systemctl', 'list-units', '--plain', '--no-legend', 'pitstop-*')).stdout)

/** The end of every window that ended well: packages, one reboot each, weights, assigner, and the whole history. */
export async function assertAllDone(t: Tap, lab: ReadyLab, { exit, window }: { readonly exit: number, readonly window: WindowView }): Promise<void> {
  t.equal(exit, 0, JSON.stringify(window.nodes.map(({ node, phase, reasons }) => ({ node, phase, reasons }))))
  for (const host of lab.hosts) {
    t.equal(host.reboots().length, 1, `${host.node} was rebooted once`)
    const installed = await host.installed()
    t.same(['lab-library', 'lab-tool', 'lab-kernel', 'gitlab-ee'].map((name) => installed.get(name)), ['1.1', '1.1', '1:6.1.0-2', '18.5.1-ee.0'], `${host.node} has the new packages; gitlab-ee is as it was`)
  }
  t.same(lab.gitlab.world.weights(), lab.weightsBefore)
  t.equal(lab.gitlab.world.schedule?.active, true)
  t.same(checkHistory(await fleetEvidence(lab, lab.weightsBefore)), [])
}
