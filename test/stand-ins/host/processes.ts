// All processes of a stand-in host, found by the marks in their environment as a control group would find them.
// Never touches a process without the mark of exactly this root, nor its own.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostMarker } from './host-layout.ts'

/** @param mark NAME=value in the environment. */
export function processesMarked(mark: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    if (pid === process.pid) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark)
    } catch {
      // Ended meanwhile, or another user's.
      return false
    }
  })
}

export const processesOf = (root: string): number[] => processesMarked(`${hostMarker}=${root}`)

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // Ended meanwhile.
    }
  }
}

/** TERM to all, KILL after the grace (at once without one); resolves when none is left. */
export async function endAll(find: () => readonly number[], graceMs: number): Promise<void> {
  if (graceMs > 0) signalAll(find(), 'SIGTERM')
  const killAt = Date.now() + graceMs
  // A few dozen milliseconds most often; KILL cannot be refused, so the bound is never met.
  for (let rounds = 0; rounds < 10_000; rounds++) {
    const left = find()
    if (left.length === 0) return
    if (Date.now() >= killAt) signalAll(left, 'SIGKILL')
    await sleep(15)
  }
}
