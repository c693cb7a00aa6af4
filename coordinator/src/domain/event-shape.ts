// The form that every event of the journal must have before it is believed: a row that was damaged or edited by hand is told
// by its field, and nothing is started on half of it. Held to the types of event.ts by the compiler. Fields that are not
// named here are left alone: a later release may have added them.
import { type Event, type FleetEvent, nodeSteps } from './event.ts'

type Any = Event | FleetEvent
type Check = (value: unknown) => boolean
type Shape<E> = { readonly [K in Exclude<keyof E, 'type'>]-?: Check }

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)
const text: Check = (value) => typeof value === 'string'
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const yesNo: Check = (value) => typeof value === 'boolean'
const orNull = (check: Check): Check => (value) => value === null || check(value)
const orNone = (check: Check): Check => (value) => value === undefined || check(value)
const either = (...checks: readonly Check[]): Check => (value) => checks.some((check) => check(value))
const one = (...words: readonly string[]): Check => (value) => words.some((word) => word === value)
const list = (check: Check): Check => (value) => Array.isArray(value) && value.every((each) => check(each))
const record = (shape: Readonly<Record<string, Check>>): Check => (value) => isRecord(value) && Object.entries(shape).every(([key, check]) => check(value[key]))
const byName = (check: Check): Check => (value) => isRecord(value) && Object.values(value).every((each) => check(each))

const reasons = list(record({ code: text, text, hint: text }))
const packages = list(record({ name: text, version: text }))
const status = one('healthy', 'unhealthy', 'unknown')
const facts = record({
  orderId: orNone(text), notAfter: orNone(number), bootId: orNone(text), manifestHash: orNone(text), changes: orNone(number), rebootRequired: orNone(yesNo), gitalyPid: orNone(number),
  notes: orNone(list(text)), evidence: orNone(list(record({ check: text, status, text }))), landsBy: orNone(number), weights: orNone(byName(number)), stoppedAt: orNone(number),
  servingAt: orNone(number), wasActive: orNone(yesNo)
})
const said = { by: text, reason: text }
const about = { node: text, reasons }
const step = { node: orNull(text), step: text, attempt: number }
const promise = { id: text, kind: text, subject: text, node: orNull(text), previous: either(number, yesNo) }

const shapes: { readonly [T in Any['type']]: Shape<Extract<Any, { readonly type: T }>> } = {
  'window-opened': { ...said, window: number, closesAt: number, weights: byName(number), assignerActive: orNull(yesNo) },
  'window-rolling': {}, 'window-halted': { reasons }, 'window-paused': { by: text, reasons }, 'window-resumed': { ...said, failureBudget: number }, 'window-unpaused': said,
  'window-aborted': said, 'window-closing': { reasons }, 'window-settling': {}, 'window-audited': { differences: reasons }, 'window-closed': {},
  'manifest-resolved': { platform: text, node: text, hash: text, packages },
  'step-intended': { ...step, facts }, 'step-done': { ...step, facts }, 'step-ended': { ...step, reasons },
  'node-admitted': { node: text }, 'node-prepared': { node: text }, 'slot-taken': { node: text }, 'slot-returned': about,
  'node-healthy': { node: text, bootId: text, outageMs: orNull(number) }, 'node-done': { node: text }, 'node-current': about, 'node-postponed': about, 'node-pending-reboot': about,
  'node-failed': { ...about, step: one(...nodeSteps), down: yesNo }, 'node-overdue': about, 'node-skipped': { ...said, node: text },
  'node-retried': { ...said, node: text, mode: text }, 'node-written-off': { ...said, node: text }, 'node-reported': { node: text, orderId: text, bootId: text, status },
  'obligation-opened': promise, 'obligation-settled': { id: text, how: one('paid', 'superseded', 'void'), by: text, text, shown: orNone(either(number, yesNo)) },
  'frozen': said, 'unfrozen': said, 'lease-taken': { holder: text, address: text, release: orNone(text) }, 'store-restored': { incarnation: text, was: text, reasons, ended: orNone(list(text)), orders: orNone(list(text)), lostPlans: orNone(list(record({ node: text, step: text, id: text, plan: text, storages: list(text) }))) },
  'obligation-found': { ...promise, text }, 'obligation-cleared': { ...said, id: text, text: orNone(text) }, 'report-observed': { node: text, orderId: text, bootId: text, status }
}

/** The first field that is missing or of another kind; null = none. The type must be a known one. */
export function wrongField(event: { readonly type: string }): string | null {
  const shape = shapes[event.type as Any['type']] as Readonly<Record<string, Check>>
  return Object.entries(shape).find(([field, check]) => !check((event as Readonly<Record<string, unknown>>)[field]))?.[0] ?? null
}
