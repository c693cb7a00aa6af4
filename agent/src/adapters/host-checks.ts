// Gathers the facts that a veto is made of, all at once and each behind its own deadline. Decides nothing.
// Used by agent and units alike: imports nothing heavy.
import { asFault, chain } from '@pitstop/shared/fault'
import { bootProblems } from '../domain/kernel.ts'
import type { HostFacts, Known } from '../domain/veto.ts'
import type { HostFiles, RunCommand, ServiceManager } from '../ports.ts'
import { scheduledShutdown } from './logind.ts'
import { outputOf } from './run-command.ts'

export const audit = (run: RunCommand): Promise<string> => outputOf(run, { argv: ['dpkg', '--audit'], deadlineMs: 30_000 })

export async function gatherHostFacts(run: RunCommand, files: HostFiles, manager: ServiceManager): Promise<HostFacts> {
  const [auditText, shutdown, service] = await Promise.all([
    known(() => audit(run)),
    known(() => scheduledShutdown(run, files)),
    known(() => manager.status())
  ])
  return {
    disabled: knownNow(() => files.disabled()),
    audit: auditText,
    space: knownNow(() => files.freeSpace()),
    bootProblems: knownNow(() => bootProblems(files.bootFiles())),
    downFile: knownNow(() => files.downFile()),
    shutdown,
    service
  }
}

export async function known<T>(probe: () => Promise<T>): Promise<Known<T>> {
  try { return { value: await probe() } } catch (error) { return { unknown: chain(asFault(error)) } }
}

export function knownNow<T>(probe: () => T): Known<T> {
  try { return { value: probe() } } catch (error) { return { unknown: chain(asFault(error)) } }
}
