// All processes of a stand-in host, found by the marks in their environment as a control group would find them; those
// that wait for the machine's answer have no mark, but the machine knows them. Never touches a process without the
// mark of exactly this root, nor its own.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostMarker, parentMarker } from './host-layout.ts'

/** A command of the host that waits for the machine's answer. */
interface Asker { readonly pid: number, readonly parent: number }

export type Askers = Set<Asker>

function carries(pid: number, marks: readonly string[]): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return marks.some((mark) => environment.includes(mark))
  } catch {
    // Ended meanwhile, or another user's.
    return false
  }
}

/** @param marks NAME=value in the environment; one of them is enough. */
export const processesMarked = (...marks: readonly string[]): number[] =>
  readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => pid !== process.pid && carries(pid, marks))

export const processesOf = (root: string, askers: Askers): number[] =>
  [...new Set([...processesMarked(`${hostMarker}=${root}`), ...Array.from(askers, ({ pid }) => pid)])]

/** What one process of the host has below it: its unit's processes and the commands it called. */
export const processesUnder = (invocation: string, pid: number, askers: Askers): number[] =>
  [...new Set([...processesMarked(`INVOCATION_ID=${invocation}`, `${parentMarker}=${pid}`), ...Array.from(askers).filter(({ parent }) => parent === pid).map((asker) => asker.pid)])]

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // Ended meanwhile.
    }
  }
}

/** An ended process has no environment any more, waited for or not. */
function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`).length === 0
  } catch {
    return true
  }
}

/**
 * TERM to all, KILL after the grace (at once without one); resolves when none is left. Looks often at the few it
 * knows and searches all of /proc only when these are gone: six hosts may do this at once.
 */
export async function endAll(find: () => readonly number[], graceMs: number): Promise<void> {
  const killAt = Date.now() + graceMs
  const told = new Set<number>()
  // A few dozen milliseconds most often; KILL cannot be refused, so the bound is never met.
  for (let rounds = 0; rounds < 10_000; rounds++) {
    let left = find()
    if (left.length === 0) return
    if (Date.now() >= killAt) signalAll(left, 'SIGKILL')
    else signalAll(left.filter((pid) => !told.has(pid)), 'SIGTERM')
    for (const pid of left) told.add(pid)
    // Those that came meanwhile are found a tenth of a second later, or sooner.
    const searchAt = Math.min(Date.now() + 100, Date.now() < killAt ? killAt : Infinity)
    do {
      await sleep(2)
      left = left.filter((pid) => !isGone(pid))
    } while (left.length > 0 && Date.now() < searchAt)
  }
}
