// The lines that Gitaly 16 and 18 write, as JSON with sorted keys like logrus, and the plain ones that a dying
// Gitaly writes. All to stdout: under runit both streams end in the same file.
import { writeSync } from 'node:fs'

export interface GitalyLog {
  readonly info: (msg: string, facts?: Record<string, string | number>) => void
  readonly error: (msg: string, facts?: Record<string, string | number>) => void
  readonly warn: (msg: string, facts?: Record<string, string | number>) => void
  /** Not JSON, no time stamp. */
  readonly plain: (line: string) => void
}

const ranks = { info: 0, warn: 1, error: 2 }

export function createGitalyLog(level: 'info' | 'warn'): GitalyLog {
  const write = (line: string): void => {
    try {
      writeSync(1, `${line}\n`)
    } catch {
      // svlogd has gone; a Gitaly without a log goes on.
    }
  }
  const say = (rank: keyof typeof ranks, msg: string, facts: Record<string, string | number> = {}): void => {
    if (ranks[rank] < ranks[level]) return
    const line: Record<string, string | number> = { ...facts, level: rank === 'warn' ? 'warning' : rank, msg, pid: process.pid, time: new Date().toISOString() }
    write(JSON.stringify(Object.fromEntries(Object.entries(line).sort(([a], [b]) => (a < b ? -1 : 1)))))
  }
  return {
    info: (msg, facts) => { say('info', msg, facts) },
    warn: (msg, facts) => { say('warn', msg, facts) },
    error: (msg, facts) => { say('error', msg, facts) },
    plain: write
  }
}
