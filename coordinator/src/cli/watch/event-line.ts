// One journal event as one line for a person or a log: time, whom it is about, what happened, and why.
import type { Reason } from '@pitstop/shared/fault'
import { formatDuration } from '@pitstop/shared/duration'
import { formatInstant } from '@pitstop/shared/instant'
import { wordedPrevious } from '../../domain/break-glass-lines.ts'
import type { Event, FleetEvent, Recorded } from '../../domain/event.ts'

const because = (reasons: readonly Reason[]): string => (reasons.length === 0 ? '' : `: ${reasons.map(({ text }) => text.replace(/\s*\n\s*/g, ' ')).join('; ')}`)

export function eventLine({ at, event }: Recorded<Event | FleetEvent>): string {
  const about = 'node' in event && event.node !== null ? event.node : 'window'
  return `${formatInstant(at).slice(11)}  ${fleetWide.has(event.type) ? 'fleet' : about}  ${describe(event)}`
}

const fleetWide: ReadonlySet<string> = new Set(['frozen', 'unfrozen', 'lease-taken', 'store-restored', 'obligation-found', 'obligation-cleared'])

function describe(event: Event | FleetEvent): string {
  switch (event.type) {
    case 'window-opened': return `${event.window} opened by ${event.by}: ${event.reason}`
    case 'window-rolling': return 'rolling'
    case 'window-halted': return `HALTED${because(event.reasons)}`
    case 'window-paused': return `paused${because(event.reasons)}`
    case 'window-unpaused': return `pause lifted by ${event.by}: ${event.reason}; a halt stays`
    case 'window-resumed': return `resumed by ${event.by}: ${event.reason}`
    case 'window-aborted': return `aborted by ${event.by}: ${event.reason}`
    case 'window-closing': return `closing${because(event.reasons)}`
    case 'window-settling': return 'settling what is owed'
    case 'window-audited': return event.differences.length === 0 ? 'audited: weights and assigner are as at opening' : `audited${because(event.differences)}`
    case 'window-closed': return 'closed'
    case 'manifest-resolved': return `manifest of ${event.platform}: ${event.packages.length} packages`
    case 'step-intended': return `${event.step} …${event.attempt > 1 ? ` (attempt ${event.attempt})` : ''}`
    case 'step-done': return `${event.step} done`
    case 'step-ended': return `${event.step} ended${because(event.reasons)}`
    case 'node-admitted': return 'begins to prepare'
    case 'node-prepared': return 'prepared'
    case 'slot-taken': return 'takes a slot'
    case 'slot-returned': return `gives its slot back${because(event.reasons)}`
    case 'node-healthy': return `healthy, slot free${event.outageMs === null ? '' : `, out for ${formatDuration(event.outageMs)}`}`
    case 'node-done': return 'DONE'
    case 'node-current': return `nothing to do${because(event.reasons)}`
    case 'node-postponed': return `postponed${because(event.reasons)}`
    case 'node-pending-reboot': return `upgraded, reboot pending${because(event.reasons)}`
    case 'node-failed': return `FAILED at ${event.step}${event.down ? ', down' : ''}${because(event.reasons)}`
    case 'node-overdue': return `OVERDUE${because(event.reasons)}`
    case 'node-skipped': return `skipped by ${event.by}: ${event.reason}`
    case 'node-retried': return `retried (${event.mode}) by ${event.by}: ${event.reason}`
    case 'node-written-off': return `written off by ${event.by}: ${event.reason}`
    case 'node-reported': case 'report-observed': return `reports itself ${event.status} after boot ${event.bootId.slice(0, 8)}`
    case 'obligation-opened': return `owes ${event.id} (was ${String(event.previous)})`
    case 'obligation-settled': return `${event.id} ${event.how}: ${event.text}`
    case 'frozen': return `FROZEN by ${event.by}: ${event.reason}`
    case 'unfrozen': return `unfrozen by ${event.by}: ${event.reason}`
    case 'lease-taken': return `${event.holder} acts`
    case 'store-restored': return `STORE RESTORED${because(event.reasons)}`
    case 'obligation-found': return `unpaid as far as is known: ${event.id} (was ${wordedPrevious(event)}): ${event.text}`
    case 'obligation-cleared': return `${event.id} settled by ${event.by}: ${event.reason}`
    default: return event satisfies never
  }
}
