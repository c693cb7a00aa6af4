// The API's forms: what requests may hold (strict) and what answers look like (documentation; a test holds them to the
// views of domain/). Instants are epoch ms, durations ms.
import { type TObject, type TProperties, type TSchema, Type } from 'typebox'
import { nodePhases } from '../domain/state.ts'
import { nodeSteps } from '../domain/event.ts'

const windowPhases = ['none', 'opening', 'rolling', 'closing', 'settling', 'closed'] as const

const strict = <T extends TProperties>(properties: T, description?: string): TObject<T> =>
  Type.Object(properties, { additionalProperties: false, ...(description === undefined ? {} : { description }) })
const oneOf = <const T extends string>(names: readonly T[]) => Type.Union(names.map((name) => Type.Literal(name)))
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const ms = (description: string) => Type.Integer({ minimum: 0, maximum: 366 * 86_400_000, description })
const instant = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000, description: 'epoch ms' })
const whole = Type.Integer({ minimum: 1, maximum: 100_000 })

export const why = Type.String({ minLength: 1, maxLength: 1000, description: 'why; goes into the journal' })
export const seen = Type.Optional(Type.Integer({ minimum: 0, description: 'version that you saw; refused as STALE_VIEW when it changed since' }))
export const digits = Type.String({ pattern: '^\\d{1,15}$' })
export const nodeParams = strict({ node: Type.String({ minLength: 1, maxLength: 253, description: 'FQDN' }) })
export const planHash = Type.String({ pattern: '^[0-9a-f]{4,64}$', description: 'hash of a plan, or the beginning of it' })

export const reasonBody = strict({ reason: why })
export const saidBody = strict({ reason: why, seen })
export const faultAnswer = strict({ code: Type.String(), text: Type.String(), hint: Type.String(), reasons: Type.Array(Type.Any()) }, 'why not, and what to do')

/** What a plan may want otherwise than the configuration says. */
export const policyWishes = strict({
  groupSize: Type.Optional(whole), strictBatches: Type.Optional(Type.Boolean()), prepareAhead: Type.Optional(whole), failureBudget: Type.Optional(whole),
  canaryFirst: Type.Optional(Type.Boolean()), drain: Type.Optional(oneOf(['zero-weight', 'none'])), activeStorageFloor: Type.Optional(whole),
  settleMs: Type.Optional(ms('wait after the weight is 0')), soakMs: Type.Optional(ms('healthy inside the slot')), watchMs: Type.Optional(ms('watched after it')),
  rebootDelayMs: Type.Optional(ms('between order and reboot')), reboot: Type.Optional(oneOf(['always', 'if-needed'])),
  prepareEstimateMs: Type.Optional(ms('p95 ahead of the slot')), downEstimateMs: Type.Optional(ms('p95 inside it')), allowanceMs: Type.Optional(ms('added before closing')),
  assigner: Type.Optional(oneOf(['pause', 'inactive-is-intended', 'none'])), livePipelines: Type.Optional(oneOf(['wait', 'cancel']))
})

export const planBody = strict({
  reason: why, opensAt: Type.Optional(instant), closesAt: instant,
  only: Type.Optional(Type.Array(Type.String({ maxLength: 253 }), { minItems: 1, maxItems: 2000, description: 'FQDNs; all of the inventory without it' })),
  policy: Type.Optional(policyWishes)
})
export const windowBody = strict({ plan: planHash, confirm: Type.String({ description: 'at least 8 characters of the plan\'s hash, as a person typed it' }), reason: why })
export const resumeBody = strict({ reason: why, seen, raiseBudgetBy: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })) })
export const retryBody = strict({ reason: why, seen, mode: Type.Optional(oneOf(['recheck', 'reboot', 'again'])) })
export const patchBody = strict({ reason: why, forMs: Type.Optional(ms('until it closes; 2 h without it')), policy: Type.Optional(policyWishes) })
export const preflightBody = strict({ plan: Type.Optional(planHash) })

const reasons = Type.Array(strict({ code: Type.String(), text: Type.String(), hint: Type.String() }))
const stop = orNull(strict({ reasons, at: instant, by: Type.Optional(Type.String()) }))
const stepName = oneOf([...nodeSteps, 'pause-assigner', 'drain-pipelines', 'resume-assigner'] as const)

export const nodeAnswer = strict({
  node: Type.String(), zone: Type.String(), storages: Type.Array(Type.String()), phase: oneOf(nodePhases), overdue: Type.Boolean(), attempt: Type.Integer(),
  holdsSlot: Type.Boolean(), step: orNull(stepName), progress: orNull(strict({ percent: Type.Number(), text: Type.String() })), reasons,
  steps: Type.Array(strict({ step: stepName, status: oneOf(['intended', 'done', 'ended']), ms: orNull(Type.Number()) })),
  phaseSince: instant, slotMs: orNull(Type.Number()), outageMs: orNull(Type.Number()), lostMs: orNull(Type.Number()), version: Type.Integer()
})

export const obligationAnswer = strict({
  id: Type.String(), kind: oneOf(['weight', 'assigner']), subject: Type.String(), node: orNull(Type.String()), previous: Type.Union([Type.Number(), Type.Boolean()]),
  openedAt: instant, status: oneOf(['open', 'paid', 'superseded', 'void']), settledBy: orNull(Type.String()), text: orNull(Type.String()),
  because: orNull(reasons.items), payByHand: orNull(Type.String({ description: 'the command that pays it without pitstop' }))
})

export const windowAnswer = strict({
  plan: Type.String(), window: Type.Integer(), phase: oneOf(windowPhases), label: oneOf([...windowPhases, 'halted', 'paused', 'aborting'] as const),
  by: Type.String(), openedAt: instant, closesAt: instant, closedAt: orNull(instant), halt: stop, pause: stop,
  abort: orNull(strict({ by: Type.String(), reason: Type.String(), at: instant })), failureBudget: Type.Integer(), failures: Type.Integer(),
  groupSize: Type.Integer(), slotsTaken: Type.Integer(), gates: reasons, reasons, nodes: Type.Array(nodeAnswer), obligations: Type.Array(obligationAnswer),
  audit: orNull(reasons), weightsAtOpening: Type.Record(Type.String(), Type.Number()), assignerAtOpening: orNull(Type.Boolean()),
  estimateMs: Type.Number(), soakMs: Type.Number(), version: Type.Integer({ description: 'seq of the last event' })
})
