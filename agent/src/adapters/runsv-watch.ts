// The moment in which a supervised Gitaly has ended, and the one in which its log holds all that it said. `sv stop` looks
// every 420 ms; runsv writes the end down at once, and tells whoever watches. Must never call a process ended that may
// live: besides runsv's word the process itself must be gone, by id and start. Imports nothing heavy.
import { readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasEnded, parseRunsvStatus, type RunsvStatus } from '../domain/runsv-status.ts'
import { mayLive, sleeps, startOf, type StartedProcess } from './process-start.ts'

/** svlogd writes a line within a millisecond; on a disk that is stuck the mark is set too early, and too much is judged. */
const longestWriteMs = 500

export interface EndWatch {
  readonly process: StartedProcess
  /** Resolves when it has ended by order of its supervisor; never rejects. */
  readonly ended: Promise<void>
  readonly close: () => void
}

/** From before the order to stop. @param folder the service's. @returns undefined = there is nothing that could be watched. */
export function watchEnd(folder: string): EndWatch | undefined {
  const pid = read(folder)?.pid ?? 0
  const started = pid === 0 ? undefined : attempt(() => startOf(pid))
  if (started === undefined) return undefined
  const process = { pid, started }
  const done = Promise.withResolvers<void>()
  const look = (): void => {
    const status = read(folder)
    if (status !== undefined && hasEnded(status) && !mayLive(process)) done.resolve()
  }
  const watcher = attempt(() => watch(join(folder, 'supervise'), look))
  // A watch that breaks says nothing any more: `sv` still looks.
  watcher?.on('error', () => undefined)
  // It may have ended before the watch stood.
  look()
  return watcher && { process, ended: done.promise, close: () => { watcher.close() } }
}

/**
 * Behind the end: a log service that sleeps has written everything down, for it empties its buffers before it waits for
 * more. Twice, because it is put to sleep a moment before it looks for the last time. Never waits for long.
 */
export async function logWritten(folder: string): Promise<void> {
  const pid = read(join(folder, 'log'))?.pid ?? 0
  if (pid === 0) return
  const until = performance.now() + longestWriteMs
  for (let asleep = 0; asleep < 2 && performance.now() < until;) {
    await sleep(1)
    asleep = attempt(() => sleeps(pid)) === true ? asleep + 1 : 0
  }
}

const read = (folder: string): RunsvStatus | undefined => attempt(() => parseRunsvStatus(readFileSync(join(folder, 'supervise/status'))))

/** Whatever cannot be read or watched only leaves the wait to `sv`. */
function attempt<T>(look: () => T): T | undefined {
  try { return look() } catch { return undefined }
}
