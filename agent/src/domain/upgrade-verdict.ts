// What became of an upgrade: apt's end and two pictures of dpkg in, outcome out. Pure. dpkg is believed, not apt. An apt that
// ended before dpkg touched anything has left the host as it was: that is a refusal, not a failure.
import { type Reason, reason } from '@pitstop/shared/fault'
import { aptFault, dpkgRan } from './apt-fault.ts'
import type { InstalledPackage } from './apt-output.ts'
import { changedPackages, missingVersions, type PackageVersion } from './apt-plan.ts'
import { dpkgVetoes, isKnown, type Known } from './veto.ts'

export interface UpgradeEnd {
  /** null = ended by a signal. */
  readonly code: number | null
  readonly output: string
  readonly install: readonly PackageVersion[]
  readonly before: readonly InstalledPackage[]
  readonly after: Known<readonly InstalledPackage[]>
  /** What is wrong with dpkg; empty = nothing. */
  readonly dpkg: Known<string>
}

export interface UpgradeVerdict {
  readonly status: 'succeeded' | 'failed' | 'vetoed'
  readonly reasons: readonly Reason[]
  readonly changes: readonly { readonly name: string, readonly from: string, readonly to: string }[]
}

/** So many differences are told by name. */
const toldNames = 10

export function judgeUpgrade({ code, output, install, before, after, dpkg }: UpgradeEnd): UpgradeVerdict {
  const failure = code === 0 ? [] : [aptFault('upgrade', output).toReason()]
  const changes = isKnown(after) ? changedPackages(before, after.value) : []
  const untouched = isKnown(after) && changes.length === 0 && isKnown(dpkg) && dpkg.value === '' && !dpkgRan(output)
  if (failure.length > 0 && untouched) return { status: 'vetoed', reasons: failure, changes }
  const reasons = [
    ...failure,
    ...dpkgVetoes(dpkg),
    ...isKnown(after) ? differing(missingVersions(install, after.value), install.length)
      : [reason('PACKAGES_DIFFER', `what is installed cannot be read: ${after.unknown}`)]
  ]
  return { status: reasons.length === 0 ? 'succeeded' : 'failed', reasons, changes }
}

const differing = (missing: readonly Reason[], total: number): readonly Reason[] => missing.length <= toldNames ? missing
  : [...missing.slice(0, toldNames), reason('PACKAGES_DIFFER', `and ${missing.length - toldNames} more of the manifest's ${total} packages`)]
