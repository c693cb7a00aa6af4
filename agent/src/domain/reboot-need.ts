// Does the host ask for a reboot, and why? One answer for Stage, Upgrade, Describe and the policy "if-needed". Pure.
// needrestart is welcome, not decisive: without it, or when it fails, files and kernels still answer.
import type { ExpectedKernel } from './boot-check.ts'
import type { NeedrestartReading } from './needrestart.ts'
import type { Known } from './veto.ts'

export interface RebootNeedFacts {
  /** Packages in /run/reboot-required.pkgs; undefined = no /run/reboot-required. */
  readonly requiredBy: readonly string[] | undefined
  readonly runningKernel: string
  readonly expected: ExpectedKernel
  /** undefined = not installed, or not asked. */
  readonly needrestart: Known<NeedrestartReading> | undefined
  /** Gitaly's unit: whatever it runs with that is no longer on disk costs an outage to replace, with or without a reboot. */
  readonly gitalyUnit: string
}

export interface RebootNeed {
  readonly required: boolean
  readonly because: readonly string[]
  /** What could not be told. */
  readonly notes: readonly string[]
}

/** Cannot be restarted on a running host without harm: needrestart's own list of what it never restarts, less desktops. */
const core = /^(?:systemd-manager|dbus(?:-broker)?\.service|systemd-logind\.service)$/

export function rebootNeed({ requiredBy, runningKernel, expected, needrestart, gitalyUnit }: RebootNeedFacts): RebootNeed {
  const reading = needrestart !== undefined && 'value' in needrestart ? needrestart.value : undefined
  const services = reading?.services.filter((name) => core.test(name) || name === gitalyUnit) ?? []
  const because = [
    ...requiredBy === undefined ? [] : [`/run/reboot-required${requiredBy.length === 0 ? '' : `: ${[...new Set(requiredBy)].join(', ')}`}`],
    ...'version' in expected && expected.version !== runningKernel ? [`kernel ${runningKernel} runs; the boot loader starts ${expected.version}`] : [],
    // needrestart takes the newest of all flavours for the expected one: only a guess where the boot loader is understood.
    ...reading?.kernelStatus === 3 && !('version' in expected) ? [`needrestart: kernel ${runningKernel} runs; ${reading.kernelExpected || 'a newer one'} is installed`] : [],
    ...reading?.kernelStatus === 2 ? [`needrestart: kernel ${runningKernel} was built anew since it was booted`] : [],
    ...reading?.microcodeStatus === 2 ? ['needrestart: newer microcode for the processor is installed'] : [],
    ...services.length === 0 ? [] : [`needrestart: ${services.join(', ')} run with libraries that were replaced`]
  ]
  return {
    required: because.length > 0,
    because,
    notes: needrestart !== undefined && 'unknown' in needrestart ? [`needrestart gave no answer: ${needrestart.unknown}`] : []
  }
}
