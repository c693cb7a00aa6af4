// How Gitaly's stop went, in words: for the unit's journal and for the order's notes. Pure.
import { formatDuration } from '@pitstop/shared/duration'
import type { StopMark } from './order-record.ts'

export function stopNotes({ stopBegunAtMs, stoppedAtMs, stopNote, requestsInFlight = -1, delayedBy = [] }: StopMark): readonly string[] {
  if (stoppedAtMs === 0) return ['Gitaly was told to stop']
  const work = requestsInFlight < 0 ? 'how many requests were in flight is not known' : `${requestsInFlight} requests were in flight`
  return [`Gitaly's stop took ${formatDuration(stoppedAtMs - stopBegunAtMs)}; ${work}`, ...stopNote === '' ? [] : [`Gitaly's stop: ${stopNote}`],
    ...delayedBy.map((holder) => `the shutdown may be delayed by ${holder}`)]
}
