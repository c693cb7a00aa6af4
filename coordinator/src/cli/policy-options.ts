// Options with which one plan differs from the configured policy; the same for `plan create` and `node patch`.
import type { Command } from 'commander'
import { Fault } from '@pitstop/shared/fault'
import type { PolicyWishes } from '../config/policy-section.ts'
import { durationOf, wholeOf } from './instant.ts'

export interface PolicyOptions {
  groupSize?: string, strictBatches?: boolean, prepareAhead?: string, failureBudget?: string, canaryFirst?: boolean, drain?: string, activeStorageFloor?: string
  settle?: string, soak?: string, watchTime?: string, rebootDelay?: string, reboot?: string, estimatePrepare?: string, estimateDown?: string, allowance?: string
  assignerInactiveIsIntended?: boolean, livePipelines?: string
}

export function addGroupOptions(command: Command): Command {
  return command
    .option('--group-size <n>', 'how many nodes may be down at once')
    .option('--strict-batches', 'wait for the whole batch before the next')
    .option('--prepare-ahead <n>', 'how many nodes may be prepared ahead of their slot')
    .option('--failure-budget <n>', 'failed nodes before the window halts')
    .option('--no-canary-first', 'do not wait for the first node of each platform')
}

export function addPolicyOptions(command: Command): Command {
  return command
    .option('--drain <how>', 'zero-weight or none')
    .option('--active-storage-floor <n>', 'fewest storages with a weight above 0 that must remain')
    .option('--settle <time>', 'wait after the weight is 0')
    .option('--soak <time>', 'healthy for so long inside the slot')
    .option('--watch-time <time>', 'watched for a relapse after it')
    .option('--reboot-delay <time>', 'between order and reboot')
    .option('--reboot <when>', 'always or if-needed')
    .option('--estimate-prepare <time>', 'p95 of what happens ahead of the slot')
    .option('--estimate-down <time>', 'p95 of the slot')
    .option('--allowance <time>', 'added before closing')
    .option('--assigner-inactive-is-intended', 'the weight assigner is off already and shall stay so')
    .option('--live-pipelines <how>', 'wait or cancel')
}

/** Only what was typed. @throws Fault INVALID_INPUT */
export function policyWishes(given: PolicyOptions): PolicyWishes {
  const whole = (text: string | undefined, option: string): number | undefined => (text === undefined ? undefined : wholeOf(text, option))
  const ms = (text: string | undefined, option: string): number | undefined => (text === undefined ? undefined : durationOf(text, option))
  return {
    groupSize: whole(given.groupSize, '--group-size'), strictBatches: given.strictBatches, prepareAhead: whole(given.prepareAhead, '--prepare-ahead'),
    failureBudget: whole(given.failureBudget, '--failure-budget'), canaryFirst: given.canaryFirst === false ? false : undefined,
    drain: choice(given.drain, '--drain', ['zero-weight', 'none']), activeStorageFloor: whole(given.activeStorageFloor, '--active-storage-floor'),
    settleMs: ms(given.settle, '--settle'), soakMs: ms(given.soak, '--soak'), watchMs: ms(given.watchTime, '--watch-time'),
    rebootDelayMs: ms(given.rebootDelay, '--reboot-delay'), reboot: choice(given.reboot, '--reboot', ['always', 'if-needed']),
    prepareEstimateMs: ms(given.estimatePrepare, '--estimate-prepare'), downEstimateMs: ms(given.estimateDown, '--estimate-down'),
    allowanceMs: ms(given.allowance, '--allowance'), assigner: given.assignerInactiveIsIntended === true ? 'inactive-is-intended' : undefined,
    livePipelines: choice(given.livePipelines, '--live-pipelines', ['wait', 'cancel'])
  }
}

function choice<const T extends string>(text: string | undefined, option: string, among: readonly T[]): T | undefined {
  if (text === undefined) return undefined
  const found = among.find((each) => each === text)
  if (found === undefined) throw new Fault('INVALID_INPUT', `${option} must be ${among.join(' or ')}, not "${text}"`)
  return found
}
