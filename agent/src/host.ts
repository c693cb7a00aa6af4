// One Gitaly host as the agent sees it: all adapters, built from the settings. No decision is made here.
import { apt } from './adapters/apt.ts'
import { commandRunner } from './adapters/run-command.ts'
import { countRequests } from './adapters/gitaly-metrics.ts'
import { gatherHostFacts } from './adapters/host-checks.ts'
import { gitalyRpc } from './adapters/gitaly-rpc.ts'
import { hooksOf, type Hooks } from './adapters/hooks.ts'
import { hostFiles } from './adapters/host-files.ts'
import { outsideRunner } from './adapters/outside-runner.ts'
import { type RebootNeeds, rebootNeeds } from './adapters/reboot-needs.ts'
import { serviceManager } from './adapters/service-manager.ts'
import { units } from './adapters/units.ts'
import type { HostFacts } from './domain/veto.ts'
import type { Apt, Clock, Gitaly, HostFiles, HostSettings, RunCommand, ServiceManager, Units } from './ports.ts'

export interface Host {
  readonly settings: HostSettings
  readonly run: RunCommand
  /** Outside of the agent's service, for what changes the host. */
  readonly runOutside: RunCommand
  readonly files: HostFiles
  readonly manager: ServiceManager
  readonly apt: Apt
  readonly gitaly: Gitaly
  readonly units: Units
  readonly hooks: Hooks
  readonly rebootNeeds: RebootNeeds
  /** Gitaly's requests in flight; -1 = not known. */
  readonly requestsInFlight: () => Promise<number>
  /** @param maxAgeMs take facts that were asked for this recently, instead of asking again; 0 = ask now. */
  readonly facts: (maxAgeMs?: number) => Promise<HostFacts>
}

export function buildHost(settings: HostSettings, clock: Clock): Host {
  const run = commandRunner(settings.path)
  const files = hostFiles(settings)
  const manager = serviceManager(run, settings.gitaly, files)
  return {
    settings,
    run,
    runOutside: outsideRunner(run, settings.path),
    files,
    manager,
    apt: apt(run, settings, files),
    gitaly: gitalyRpc(settings.gitaly, clock),
    units: units(run),
    hooks: hooksOf(settings),
    rebootNeeds: rebootNeeds(run, files, settings),
    requestsInFlight: () => countRequests(settings.gitaly.metrics),
    facts: remembered(() => gatherHostFacts(run, files, manager), clock)
  }
}

function remembered<T>(gather: () => Promise<T>, clock: Clock): (maxAgeMs?: number) => Promise<T> {
  let last: { readonly askedAt: number, readonly facts: Promise<T> } | undefined
  return (maxAgeMs = 0) => {
    const askedAt = clock.monotonic()
    if (last === undefined || askedAt - last.askedAt >= maxAgeMs) last = { askedAt, facts: gather() }
    return last.facts
  }
}
