// A journal as a short text that a person can review: the golden output of scenarios.
import type { Event, Recorded } from '@pitstop/coordinator/domain/event'

export function story(journal: readonly Recorded<Event>[], start: number): string {
  const lines = journal.flatMap(({ at, event }) => {
    const line = tell(event)
    return line === null ? [] : [`${((at - start) / 1000).toFixed(1).padStart(8)}  ${line}`]
  })
  return `${lines.join('\n')}\n`
}

function tell(event: Event): string | null {
  const node = 'node' in event && event.node !== null ? ` ${event.node.split('.')[0] ?? ''}` : ''
  const why = 'reasons' in event && event.reasons.length > 0 ? `: ${event.reasons.map(({ code }) => code).join(', ')}` : ''
  switch (event.type) {
    case 'step-intended': return null
    case 'step-done': return `${event.step} done${node}`
    case 'step-ended': return `${event.step} ended${node}${why}`
    case 'obligation-opened': return `promise ${event.id.replace('.test', '')} = ${String(event.previous)}`
    case 'obligation-settled': return `${event.how} ${event.id.replace('.test', '')} by ${event.by}`
    case 'node-healthy': return `node-healthy${node} after ${((event.outageMs ?? 0) / 1000).toFixed(1)} s`
    case 'window-audited': return `audit: ${event.differences.length === 0 ? 'everything as before' : event.differences.map(({ text }) => text).join('; ')}`
    default: return `${event.type}${node}${'mode' in event ? ` (${event.mode})` : ''}${why}`
  }
}
