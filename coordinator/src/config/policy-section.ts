// The `policy:` part of the coordinator's YAML: what a plan says when its maker says nothing else, and the one place
// that puts defaults and a plan's own wishes together. Pure.
import * as v from 'valibot'
import { duration } from '@pitstop/shared/configuration'
import { formatDuration } from '@pitstop/shared/duration'
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import type { Policy } from '../domain/plan.ts'

/** Without `prepareAhead` it follows the group size; without `assigner` it follows whether GitLab has one configured. */
export type PolicyDefaults = Omit<Policy, 'prepareAhead' | 'assigner'> & {
  readonly prepareAhead: number | undefined
  readonly assigner: Policy['assigner'] | undefined
}

/** What one plan wants otherwise. */
export type PolicyWishes = { readonly [K in Exclude<keyof Policy, 'deadlines'>]?: Policy[K] | undefined }

const count = (least: number, text: string): v.GenericSchema<number> =>
  v.pipe(v.number('must be a whole number'), v.integer('must be a whole number'), v.minValue(least, text)) as v.GenericSchema<number>
const choice = <const T extends readonly string[]>(...options: T): v.PicklistSchema<T, string> => v.picklist(options, `must be ${options.join(' or ')}`)
const positive = v.pipe(duration, v.minValue(1, 'must be more than 0'))
const yesNo = v.boolean('must be true or false')

export const policySection = v.pipe(
  v.strictObject({
    'group-size': v.optional(count(1, 'must be 1 or more: nobody could ever go'), 1),
    'strict-batches': v.optional(yesNo, false),
    'prepare-ahead': v.optional(count(1, 'must be 1 or more: a node has to be prepared before it goes down')),
    'failure-budget': v.optional(count(1, 'must be 1 or more: 1 halts at the first failed node'), 1),
    'canary-first': v.optional(yesNo, true),
    'drain': v.optional(choice('zero-weight', 'none'), 'zero-weight'),
    'active-storage-floor': v.optional(count(1, 'must be 1 or more: new projects need a storage'), 2),
    'settle': v.optional(duration, '60s'),
    'soak': v.optional(duration, '10s'),
    'watch': v.optional(duration, '60s'),
    'reboot-delay': v.optional(duration, '0s'),
    'reboot': v.optional(choice('always', 'if-needed'), 'always'),
    'estimates': v.optional(v.strictObject({ prepare: v.optional(positive, '5m'), down: v.optional(positive, '2m') }), {}),
    'allowance': v.optional(duration, '2m'),
    'deadlines': v.optional(v.strictObject({
      stage: v.optional(positive, '15m'), upgrade: v.optional(positive, '30m'), return: v.optional(positive, '10m')
    }), {}),
    'assigner': v.optional(choice('pause', 'inactive-is-intended', 'none')),
    'live-pipelines': v.optional(choice('wait', 'cancel'), 'wait')
  }),
  v.transform((keys): PolicyDefaults => ({
    groupSize: keys['group-size'],
    strictBatches: keys['strict-batches'],
    prepareAhead: keys['prepare-ahead'],
    failureBudget: keys['failure-budget'],
    canaryFirst: keys['canary-first'],
    drain: keys.drain,
    activeStorageFloor: keys['active-storage-floor'],
    settleMs: keys.settle,
    soakMs: keys.soak,
    watchMs: keys.watch,
    rebootDelayMs: keys['reboot-delay'],
    reboot: keys.reboot,
    prepareEstimateMs: keys.estimates.prepare,
    downEstimateMs: keys.estimates.down,
    allowanceMs: keys.allowance,
    deadlines: { stageMs: keys.deadlines.stage, upgradeMs: keys.deadlines.upgrade, returnMs: keys.deadlines.return },
    assigner: keys.assigner,
    livePipelines: keys['live-pipelines']
  }))
)

/** What does not go together, each with the key it is about. */
export function policyConflicts(policy: PolicyDefaults, hasAssigner: boolean): { readonly key: readonly string[], readonly text: string, readonly found: string }[] {
  const found: { key: readonly string[], text: string, found: string }[] = []
  const { deadlines, downEstimateMs, soakMs, assigner } = policy
  if (downEstimateMs > deadlines.returnMs) {
    found.push({ key: ['deadlines', 'return'], text: `must not be shorter than estimates.down (${formatDuration(downEstimateMs)}): every node would be overdue`, found: formatDuration(deadlines.returnMs) })
  }
  if (soakMs >= deadlines.returnMs) found.push({ key: ['soak'], text: `must be shorter than deadlines.return (${formatDuration(deadlines.returnMs)})`, found: formatDuration(soakMs) })
  if (assigner !== undefined && assigner !== 'none' && !hasAssigner) {
    found.push({ key: ['assigner'], text: `"${assigner}" needs gitlab.assigner; add it, or say none`, found: assigner })
  }
  if (assigner === 'none' && hasAssigner) {
    found.push({ key: ['assigner'], text: '"none" contradicts gitlab.assigner; remove one of the two', found: assigner })
  }
  return found
}

/** The policy of a plan. @throws Fault INVALID_INPUT with every conflict. */
export function policyOf(defaults: PolicyDefaults, hasAssigner: boolean, wishes: PolicyWishes = {}): Policy {
  const wished = Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined))
  const merged: PolicyDefaults = { ...defaults, ...wished }
  const reasons = policyConflicts(merged, hasAssigner).map(({ key, text }): Reason => reason('INVALID_INPUT', `policy ${key.join('.')}: ${text}`))
  if (reasons.length > 0) throw new Fault('INVALID_INPUT', reasons.map(({ text }) => text).join('; '), { reasons })
  return { ...merged, prepareAhead: merged.prepareAhead ?? merged.groupSize, assigner: merged.assigner ?? (hasAssigner ? 'pause' : 'none') }
}
