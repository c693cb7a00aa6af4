// How a hook ended, in words. Pure. Non-zero, a signal or the deadline: it failed.
import { formatDuration } from '@pitstop/shared/duration'
import { type Reason, reason } from '@pitstop/shared/fault'
import { lastLines } from './apt-output.ts'

/** What is known of a process that has ended; code null = by a signal. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
}

const toldLines = 5

/** @param kept where the whole output is. undefined = it did its work. */
export function hookFailure(name: string, result: Ended, deadlineMs: number, kept: string): Reason | undefined {
  const said = lastLines(`${result.stdout}\n${result.stderr}`, toldLines)
  const how = result.timedOut ? `did not end within ${formatDuration(deadlineMs)}`
    : result.code === 0 ? undefined : result.code === null ? `was ended by ${result.signal ?? 'a signal'}` : `ended with exit code ${result.code}`
  if (how === undefined) return undefined
  return reason('HOOK_FAILED', `hook ${name} ${how}${said === '' ? ' and said nothing' : `: ${said}`}`, `on the host: read ${kept}, mend the cause, then retry the node`)
}
