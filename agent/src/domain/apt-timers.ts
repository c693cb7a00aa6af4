// The distribution's own upgrades, kept away while an order's apt runs, and how they come back exactly as they were. Pure.
// A timer that is masked while it runs fails, and no unmask starts it again (systemd 252): it is stopped first, and started
// at the end. A service is never stopped: what runs is somebody's work, and the shutdown helper may take half an hour to end.
import type { Obligation } from './obligation.ts'

export const inhibitedUnits = ['apt-daily.timer', 'apt-daily-upgrade.timer', 'apt-daily.service', 'apt-daily-upgrade.service', 'unattended-upgrades.service'] as const

export const unitStateQuestion: readonly [string, ...string[]] = ['systemctl', 'show', '--property=Id,LoadState,ActiveState', ...inhibitedUnits]

interface UnitReading {
  readonly id: string
  readonly load: string
  readonly active: string
}

/** Output of `unitStateQuestion`: a paragraph for each unit. */
export const parseUnits = (text: string): readonly UnitReading[] => text.split(/\n\s*\n/).flatMap((paragraph) => {
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(paragraph)?.[1]?.trim() ?? ''
  return value('Id') === '' ? [] : [{ id: value('Id'), load: value('LoadState'), active: value('ActiveState') }]
})

export interface Inhibition {
  /** Running timers. */
  readonly stop: readonly string[]
  /** What nobody else has masked: a mask that was there before stays. */
  readonly mask: readonly string[]
}

export function inhibition(units: readonly UnitReading[]): Inhibition {
  const loaded = units.filter(({ load }) => load === 'loaded')
  return {
    stop: loaded.filter(({ id, active }) => id.endsWith('.timer') && active === 'active').map(({ id }) => id),
    mask: loaded.map(({ id }) => id)
  }
}

interface Promised {
  readonly orderId: string
  readonly planHash: string
  readonly bootId: string
  readonly nowMs: number
  /** When the order's apt is over at the latest. */
  readonly dueAtMs: number
}

/** undefined = nothing to inhibit here. */
export function timersObligation({ stop, mask }: Inhibition, { orderId, planHash, bootId, nowMs, dueAtMs }: Promised): Obligation | undefined {
  if (mask.length === 0) return undefined
  return {
    id: `timers-${orderId}`, kind: 'timers', orderId, planHash,
    what: `${mask.join(', ')} unmasked${stop.length === 0 ? '' : `; ${stop.join(', ')} active again`}`,
    pay: [['systemctl', 'unmask', '--runtime', ...mask], ...stop.length === 0 ? [] : [['systemctl', 'start', ...stop] as const]],
    deadlineMs: 30_000, madeAtMs: nowMs, payable: 'order-ended', dueAtMs,
    // Runtime masks are gone after a boot, and enabled timers are started by it.
    boundToBoot: bootId
  }
}
