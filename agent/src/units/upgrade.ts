// The body of an upgrade order's unit: look once more, begin, install exactly the manifest, then tell from dpkg what is
// true. Always ends with an outcome on disk, unless it is killed: that is the agent's case INTERRUPTED.
import { reason, type Reason } from '@pitstop/shared/fault'
import { apt, aptFault } from '../adapters/apt.ts'
import { audit, known } from '../adapters/host-checks.ts'
import { lastLines } from '../domain/apt-output.ts'
import { changedPackages, missingVersions } from '../domain/apt-plan.ts'
import { newestKernel } from '../domain/kernel.ts'
import type { AcceptedOrder, Change } from '../domain/order-record.ts'
import { isKnown } from '../domain/veto.ts'
import type { CommandResult, HostFiles } from '../ports.ts'
import { begin, outcome } from './begin.ts'
import { inhibitTimers, releaseTimers } from './timers.ts'
import type { UnitContext } from './unit-context.ts'

export async function upgrade(context: UnitContext): Promise<void> {
  const { store, id, run, settings, now, files } = context
  const accepted = store.read(id)?.accepted
  if (accepted === undefined) return
  const host = apt(run, settings.apt)
  const begunAtMs = await begin(context)
  if (begunAtMs === undefined) return
  try {
    const before = await host.installed()
    await inhibitTimers(run)
    const result = await host.install(accepted.install, store.pathOf(id, 'progress'))
    const after = await known(() => host.installed())
    const broken = await known(() => audit(run))
    const reasons = [
      ...failure(result),
      ...isKnown(broken) ? broken.value.trim() === '' ? [] : [reason('DPKG_BROKEN', `dpkg --audit says: ${broken.value.trim().slice(0, 1000)}`)]
        : [reason('DPKG_BROKEN', `dpkg --audit cannot be run: ${broken.unknown}`)],
      ...isKnown(after) ? missingVersions(accepted.install, after.value) : [reason('PACKAGES_DIFFER', `what is installed cannot be read: ${after.unknown}`)]
    ]
    const changes = isKnown(after) ? changedPackages(before, after.value).map((change) => described(change, accepted)) : []
    store.finish(id, outcome(reasons.length === 0 ? 'succeeded' : 'failed', now(), begunAtMs, reasons, {
      changes, notes: accepted.notes, rebootRequired: rebootRequired(files)
    }))
  } catch (error) {
    store.finish(id, outcome('failed', now(), begunAtMs, [reason('APT_FAILED', error instanceof Error ? error.message : String(error))]))
  } finally {
    await releaseTimers(run)
  }
}

function failure(result: CommandResult): readonly Reason[] {
  if (result.timedOut) return [reason('COMMAND_TIMEOUT', `apt-get install did not end in time: ${lastLines(result.stdout + result.stderr, 10)}`)]
  if (result.code === 0) return []
  const fault = aptFault(['install'], result.stdout + result.stderr)
  return [fault.code === 'APT_FAILED' ? reason('APT_FAILED', lastLines(result.stdout + result.stderr, 15)) : fault.toReason()]
}

const described = (change: Pick<Change, 'name' | 'from' | 'to'>, { simulated }: AcceptedOrder): Change => {
  const promised = simulated.find(({ name }) => name === change.name)
  return { ...change, origin: promised?.origin ?? '', security: promised?.security ?? false }
}

/** The distribution's own file, or a newer kernel than the one that runs. */
export function rebootRequired(files: HostFiles): boolean {
  const newest = newestKernel(files.bootFiles())
  return files.rebootRequired() !== undefined || (newest !== undefined && newest !== files.kernel())
}
