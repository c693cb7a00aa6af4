// Gathers the facts that a veto is made of, all at once and each behind its own deadline. Decides nothing.
// Used by agent and units alike: imports nothing heavy.
import { asFault, chain } from '@pitstop/shared/fault'
import { bootProblems, targetProblems } from '../domain/boot-check.ts'
import { dpkgProblems } from '../domain/dpkg-audit.ts'
import { mountProblems } from '../domain/fstab.ts'
import type { HostFacts, Known } from '../domain/veto.ts'
import type { HostFiles, RunCommand, ServiceManager } from '../ports.ts'
import { scheduledShutdown, shutdownBlockers } from './logind.ts'
import { outputOf } from './run-command.ts'

/** What is wrong with dpkg; empty = nothing. Unfinished writes of a dpkg that is at work are no damage. */
export const dpkgState = async (run: RunCommand, files: Pick<HostFiles, 'dpkgLockHolder' | 'unfinishedDpkgWrites'>): Promise<string> =>
  dpkgProblems(await outputOf(run, { argv: ['dpkg', '--audit'], deadlineMs: 30_000 }), files.dpkgLockHolder() === undefined ? files.unfinishedDpkgWrites() : [])

export async function gatherHostFacts(run: RunCommand, files: HostFiles, manager: ServiceManager): Promise<HostFacts> {
  const [auditText, shutdown, blockers, service, bootObstacle] = await Promise.all([
    known(() => dpkgState(run, files)),
    known(() => scheduledShutdown(run, files)),
    known(() => shutdownBlockers(run, files)),
    known(() => manager.status()),
    known(() => manager.bootObstacle())
  ])
  const boot = knownNow(() => files.boot())
  return {
    disabled: knownNow(() => files.disabled()),
    audit: auditText,
    dpkgLock: knownNow(() => files.dpkgLockHolder()),
    space: knownNow(() => files.freeSpace()),
    bootProblems: on(boot, bootProblems),
    comebackProblems: on(boot, (reading) => [...mountProblems(files.mounts()), ...targetProblems(reading)]),
    bootObstacle,
    downFile: knownNow(() => files.downFile()),
    shutdown,
    blockers,
    service,
    hooks: knownNow(() => files.hookProblems())
  }
}

export async function known<T>(probe: () => Promise<T>): Promise<Known<T>> {
  try { return { value: await probe() } } catch (error) { return { unknown: chain(asFault(error)) } }
}

export function knownNow<T>(probe: () => T): Known<T> {
  try { return { value: probe() } } catch (error) { return { unknown: chain(asFault(error)) } }
}

const on = <T, U>(fact: Known<T>, judge: (value: T) => U): Known<U> => 'value' in fact ? knownNow(() => judge(fact.value)) : fact
