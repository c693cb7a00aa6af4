// What Gitaly answered, or why it did not, and what a refused token may mean. Pure.
import { tokenWindowMs } from '@pitstop/shared/gitaly-token'
import { formatDuration } from '@pitstop/shared/duration'

export interface NoAnswer {
  readonly unknown: string
  /** Not mere silence: the token was refused, there is no token to show, or whoever answered cannot be believed. */
  readonly trouble?: 'refused' | 'token' | 'certificate'
}

export type GitalyAnswer<T> = { readonly value: T } | NoAnswer

export interface ClockFacts {
  /** This agent's clock when it looked. */
  readonly atMs: number
  /** How long the process has run, by the service manager; undefined = not known. */
  readonly processUptimeS: number | undefined
  /** Gitaly's own last start marker in its log; 0 = none. */
  readonly markerMs: number
}

/**
 * How far this agent's clock is ahead of the one that Gitaly writes its log with, at least; negative = behind; 0 = nothing
 * says so. The marker was written between the start of the process and now, whatever the clock.
 */
export function clockGapMs({ atMs, processUptimeS, markerMs }: ClockFacts): number {
  if (markerMs === 0 || processUptimeS === undefined) return 0
  const startedMs = atMs - (processUptimeS + 1) * 1000
  return markerMs < startedMs ? startedMs - markerMs : markerMs > atMs ? atMs - markerMs : 0
}

/** A token is a signature over the time: refused, it is the wrong secret or the wrong time. */
export function explainRefusal(said: string, facts: ClockFacts): { readonly clock: boolean, readonly text: string } {
  const gapMs = clockGapMs(facts)
  const now = new Date(facts.atMs).toISOString()
  const clock = Math.abs(gapMs) > tokenWindowMs / 2
  return {
    clock,
    text: clock
      ? `Gitaly refuses the token (${said}), which is good for ${formatDuration(tokenWindowMs)} only: clock? This agent's (${now}) is at least ${formatDuration(Math.abs(gapMs))} ${gapMs > 0 ? 'ahead of' : 'behind'} the one that Gitaly writes its log with`
      : `Gitaly refuses the token (${said}): the secret is not Gitaly's, or the clock? A token is good for ${formatDuration(tokenWindowMs)} around Gitaly's time; here it is ${now}`
  }
}
