// The distribution's own upgrades, kept away while an order's apt runs, and how they come back exactly as they were. Pure.
// A timer that is masked while it runs fails, and no unmask starts it again (systemd 252): it is stopped first, and started
// at the end. A service is never stopped: what runs is somebody's work, and the shutdown helper may take half an hour to end.
// One that stays active may be stopped by others meanwhile, and is started too; a oneshot would do its work over again.
import type { Obligation } from './obligation.ts'

export const inhibitedUnits = ['apt-daily.timer', 'apt-daily-upgrade.timer', 'apt-daily.service', 'apt-daily-upgrade.service', 'unattended-upgrades.service'] as const

export const unitStateQuestion: readonly [string, ...string[]] = ['systemctl', 'show', '--property=Id,LoadState,ActiveState,Type', ...inhibitedUnits]

interface UnitReading {
  readonly id: string
  readonly load: string
  readonly active: string
  /** Of services; empty = a timer. */
  readonly type: string
}

/** Output of `unitStateQuestion`: a paragraph for each unit. */
export const parseUnits = (text: string): readonly UnitReading[] => text.split(/\n\s*\n/).flatMap((paragraph) => {
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(paragraph)?.[1]?.trim() ?? ''
  return value('Id') === '' ? [] : [{ id: value('Id'), load: value('LoadState'), active: value('ActiveState'), type: value('Type') }]
})

export interface Inhibition {
  /** Running timers. */
  readonly stop: readonly string[]
  /** What was active and does not end by itself: started again at the end. */
  readonly start: readonly string[]
  /** What nobody else has masked: a mask that was there before stays. */
  readonly mask: readonly string[]
}

export function inhibition(units: readonly UnitReading[]): Inhibition {
  const loaded = units.filter(({ load }) => load === 'loaded')
  return {
    stop: loaded.filter((unit) => isTimer(unit) && unit.active === 'active').map(({ id }) => id),
    start: loaded.filter((unit) => unit.active === 'active' && (isTimer(unit) || lasts(unit))).map(({ id }) => id),
    mask: loaded.map(({ id }) => id)
  }
}

const isTimer = ({ id }: UnitReading): boolean => id.endsWith('.timer')
/** A service of unknown type may be a oneshot. */
const lasts = ({ type }: UnitReading): boolean => type !== '' && type !== 'oneshot'

interface Promised {
  readonly orderId: string
  readonly planHash: string
  readonly bootId: string
  readonly nowMs: number
  /** When the order's apt is over at the latest. */
  readonly dueAtMs: number
}

/** undefined = nothing to inhibit here. */
export function timersObligation({ start, mask }: Omit<Inhibition, 'stop'>, { orderId, planHash, bootId, nowMs, dueAtMs }: Promised): Obligation | undefined {
  if (mask.length === 0) return undefined
  return {
    id: `timers-${orderId}`, kind: 'timers', orderId, planHash,
    what: `${mask.join(', ')} unmasked${start.length === 0 ? '' : `; ${start.join(', ')} active again`}`,
    pay: [['systemctl', 'unmask', '--runtime', ...mask], ...start.length === 0 ? [] : [['systemctl', 'start', ...start] as const]],
    deadlineMs: 30_000, madeAtMs: nowMs, payable: 'order-ended', dueAtMs,
    // Runtime masks are gone after a boot, and enabled timers are started by it.
    boundToBoot: bootId
  }
}
