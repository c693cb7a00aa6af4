// runsv's duties for the one service of a stand-in host: start Gitaly, start it again a second after it died, stop
// it when wanted, keep its log. Knows states and waits, no texts (gitlab-ctl.ts has them).
//   down    no process. want up = about to be started, want down = told to stay so.
//   run     a process. want down = TERM was sent and it has not ended yet.
//   finish  the finish script runs after an end; then down.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { at, type MachineSettings } from './host-layout.ts'
import type { MachineEvent } from './history.ts'
import { openLogFolder } from './svlogd.ts'

export interface ServiceState {
  readonly state: 'run' | 'down' | 'finish'
  readonly pid: number
  /** Epoch ms since when this state holds. */
  readonly since: number
  readonly want: 'up' | 'down'
  readonly gotTerm: boolean
}

export interface Runit {
  /** runsvdir comes up; the down file is honoured here. */
  readonly boot: () => void
  /** runsv is there; before that and after halt() commands fail. */
  readonly isSupervised: () => boolean
  readonly state: () => ServiceState
  /** When the log service was started. */
  readonly logSince: () => number
  readonly up: () => void
  readonly down: () => void
  readonly signal: (signal: NodeJS.Signals) => void
  /** Resolves true when the predicate holds, false after the time. */
  readonly until: (holds: (state: ServiceState) => boolean, ms: number) => Promise<boolean>
  /** The host goes down: nothing is started any more. The process itself is ended by whoever ends the host. */
  readonly halt: () => void
}

interface Surroundings {
  readonly root: string
  readonly settings: MachineSettings
  readonly environment: Record<string, string>
  readonly tell: (event: MachineEvent['event'], facts?: Record<string, string | number | boolean | null>) => void
}

const gitalyProgram = new URL('../gitaly/gitaly.ts', import.meta.url).pathname

export function createRunit({ root, settings, environment, tell }: Surroundings): Runit {
  let supervised = false
  let service: ServiceState = { state: 'down', pid: 0, since: Date.now(), want: 'up', gotTerm: false }
  let child: ChildProcess | undefined
  let restart: NodeJS.Timeout | undefined
  let logSince = Date.now()
  const waiting = new Set<() => void>()

  const enter = (next: Partial<ServiceState>): void => {
    service = { ...service, ...next }
    for (const look of waiting) look()
  }

  function start(): void {
    clearTimeout(restart)
    const log = openLogFolder(at(root, 'gitalyLog'), settings.svlogd)
    const process_ = spawn(process.execPath, [gitalyProgram, root], {
      env: environment, cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe']
    })
    child = process_
    tell('gitaly-start', { pid: process_.pid ?? 0 })
    enter({ state: 'run', pid: process_.pid ?? 0, since: Date.now(), gotTerm: false })
    for (const stream of [process_.stdout, process_.stderr]) {
      stream?.setEncoding('utf8')
      stream?.on('data', (text: string) => { log.write(text) })
    }
    // Not part of Gitaly: the stand-in says here that it listens, also when its log level hides the line.
    process_.stdio[3]?.on('data', (since: Buffer) => { tell('gitaly-serving', { pid: process_.pid ?? 0, sinceMs: Number(since) }) })
    process_.on('error', () => undefined)
    // `close`, not `exit`: all it has said is in the log before anyone sees it down.
    process_.on('close', (code, signal) => {
      log.close()
      child = undefined
      tell('gitaly-exit', { pid: process_.pid ?? 0, code, signal })
      tell('gitaly-down')
      finished()
    })
  }

  function finished(): void {
    const down = (): void => {
      enter({ state: 'down', pid: 0, since: Date.now(), gotTerm: false })
      if (supervised && service.want === 'up') restart = setTimeout(start, 1000)
    }
    if (settings.finishMs === 0 || !supervised) {
      down()
      return
    }
    const script = spawn('sleep', [String(settings.finishMs / 1000)], { env: environment, stdio: 'ignore' })
    enter({ state: 'finish', pid: script.pid ?? 0, since: Date.now() })
    script.on('close', down)
  }

  return {
    boot() {
      supervised = true
      logSince = Date.now()
      const markedDown = existsSync(at(root, 'gitalyDown'))
      enter({ state: 'down', pid: 0, since: Date.now(), want: markedDown ? 'down' : 'up', gotTerm: false })
      if (!markedDown) start()
    },
    isSupervised: () => supervised,
    state: () => service,
    logSince: () => logSince,
    up() {
      enter({ want: 'up' })
      if (service.state === 'down') start()
    },
    down() {
      clearTimeout(restart)
      enter({ want: 'down' })
      if (service.state !== 'run') return
      tell('gitaly-stop-requested', { by: 'gitlab-ctl' })
      enter({ gotTerm: true })
      child?.kill('SIGTERM')
    },
    signal(signal) {
      child?.kill(signal)
    },
    async until(holds, ms) {
      if (holds(service)) return true
      return await new Promise((resolve) => {
        const end = (result: boolean): void => {
          clearTimeout(timer)
          waiting.delete(look)
          resolve(result)
        }
        const look = (): void => { if (holds(service)) end(true) }
        const timer = setTimeout(() => { end(false) }, ms)
        waiting.add(look)
      })
    },
    halt() {
      clearTimeout(restart)
      supervised = false
      if (service.state === 'run' && service.want === 'up') tell('gitaly-stop-requested', { by: 'shutdown' })
      enter({ want: 'down' })
    }
  }
}
