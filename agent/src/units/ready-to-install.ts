// The last look of an upgrade's unit before apt runs: whoever is at work with dpkg is waited for, dpkg must be sound, and what
// is staged must lead to exactly what was ordered. Changes nothing; what it finds is a refusal.
import { asFault, reason, type Reason } from '@pitstop/shared/fault'
import { appendFileSync } from 'node:fs'
import { dpkgLockFree } from '../adapters/dpkg-files.ts'
import { known } from '../adapters/host-checks.ts'
import { lockedBy } from '../domain/apt-fault.ts'
import type { InstalledPackage } from '../domain/apt-output.ts'
import { compareSimulation, type PackageVersion, stillNeeded } from '../domain/apt-plan.ts'
import { heldBy } from '../domain/file-lock.ts'
import { notStaged, notWhole, stagedEntries, type StagedPackage } from '../domain/staged-packages.ts'
import { dpkgVetoes } from '../domain/veto.ts'
import type { Apt } from '../ports.ts'
import type { UnitContext } from './unit-context.ts'

export interface ReadyToInstall {
  /** Installed now. */
  readonly before: readonly InstalledPackage[]
  /** Without what somebody has installed since the order was accepted. */
  readonly install: readonly PackageVersion[]
  readonly entries: readonly StagedPackage[]
}

type Answer = ReadyToInstall | { readonly reasons: readonly Reason[] }

export async function readyToInstall({ store, id, settings }: UnitContext, apt: Apt, ordered: readonly PackageVersion[], signal: AbortSignal): Promise<Answer> {
  try {
    apt.prepare()
    const holder = await dpkgLockFree(settings.root, settings.apt.lockTimeoutMs, signal, (current) => {
      appendFileSync(store.pathOf(id, 'progress'), `pmstatus:dpkg-exec:0:waiting: ${heldBy(current)}\n`, { mode: 0o600 })
    })
    if (holder !== undefined) return { reasons: [lockedBy(holder.path, holder.pid, holder.program).toReason()] }
    const broken = dpkgVetoes(await known(() => apt.audit()))
    if (broken.length > 0) return { reasons: broken }
    const before = await apt.packages()
    const install = stillNeeded(ordered, before)
    const { entries, missing } = stagedEntries(apt.archives.read(), install)
    if (missing.length > 0) return { reasons: missing.map(notStaged) }
    const whole = await apt.archives.whole(entries)
    if (whole.length < entries.length) return { reasons: entries.filter((each) => !whole.includes(each)).map(notWhole) }
    const differences = install.length === 0 ? [] : compareSimulation(install, await apt.simulateStaged(entries))
    if (differences.length > 0) return { reasons: differences }
    if (signal.aborted) return { reasons: [reason('SHUTDOWN_SCHEDULED', 'the unit was told to end before apt began: the host shuts down, or somebody stopped it')] }
    return { before, install, entries }
  } catch (error) { return { reasons: [asFault(error).toReason()] } }
}
