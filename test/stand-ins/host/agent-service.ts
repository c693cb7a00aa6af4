// pitstop-agent.service of a stand-in host: Restart=always, RestartSec=100ms, KillMode=control-group. What the agent
// started by itself ends with it; units that it asked for do not.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { at, type MachineSettings } from './host-layout.ts'
import type { MachineEvent } from './history.ts'
import { type Askers, processesUnder, signalAll } from './processes.ts'
import type { Units } from './units.ts'

interface AgentService {
  readonly start: () => void
  readonly stop: () => Promise<void>
  /** The boot ends: it is not started again. Whoever ends the boot ends the process. */
  readonly halt: () => void
  /** Its process has ended and was heard of. */
  readonly ended: () => Promise<void>
  /** 0 = none. */
  readonly pid: () => number
}

interface Surroundings {
  readonly root: string
  readonly settings: MachineSettings
  readonly environment: Record<string, string>
  readonly askers: Askers
  readonly tell: (event: MachineEvent['event'], facts?: Record<string, string | number | boolean | null>) => void
  /** Shows the unit's state to systemctl. */
  readonly attach: Units['attach'] extends (name: string, facts: infer F) => void ? (facts: F) => void : never
}

export function createAgentService({ root, settings, environment, askers, tell, attach }: Surroundings): AgentService {
  let child: ChildProcess | undefined
  let gone: Promise<undefined> = Promise.resolve(undefined)
  let wanted = false
  let restart: NodeJS.Timeout | undefined
  let restarts = 0
  let quickEnds = 0

  function launch(): void {
    const [program, ...args] = settings.agent
    if (program === undefined || child !== undefined) return
    const id = randomUUID().replaceAll('-', '')
    const startedAt = Date.now()
    const log = openSync(at(root, 'agentLog'), 'a', 0o640)
    const process_ = spawn(program, args, {
      cwd: '/', detached: true, stdio: ['ignore', log, log], env: { ...environment, INVOCATION_ID: id, NOTIFY_SOCKET: '/run/systemd/notify' }
    })
    closeSync(log)
    child = process_
    const heard = Promise.withResolvers<undefined>()
    gone = heard.promise
    const pid = process_.pid ?? 0
    let ended = false
    tell('agent-start', { pid })
    attach({ active: 'active', sub: 'running', pid, restarts })
    const end = (code: number | null, signal: string | null): void => {
      if (ended) return
      ended = true
      heard.resolve(undefined)
      child = undefined
      // What the agent started by itself lives in its control group and goes with it.
      signalAll(processesUnder(id, pid, askers), 'SIGKILL')
      tell('agent-exit', { pid, code, signal })
      attach({ active: wanted ? 'activating' : 'inactive', sub: wanted ? 'auto-restart' : 'dead', pid: 0, result: code === 0 ? 'success' : 'exit-code' })
      if (!wanted) return
      // An agent that is missing or will not run must not keep the machine busy.
      quickEnds = Date.now() - startedAt < 1000 ? quickEnds + 1 : 0
      restarts++
      restart = setTimeout(launch, quickEnds > 3 ? Math.min(5000, settings.agentRestartMs * 2 ** (quickEnds - 3)) : settings.agentRestartMs)
    }
    process_.on('error', () => { end(127, null) })
    process_.on('exit', end)
  }

  return {
    start() {
      wanted = true
      restarts = 0
      quickEnds = 0
      clearTimeout(restart)
      launch()
    },
    async stop() {
      wanted = false
      clearTimeout(restart)
      const running = child
      if (running === undefined) return
      await new Promise<void>((resolve) => {
        const kill = setTimeout(() => running.kill('SIGKILL'), settings.shutdownGraceMs)
        running.once('exit', () => {
          clearTimeout(kill)
          resolve()
        })
        running.kill('SIGTERM')
      })
    },
    halt() {
      wanted = false
      clearTimeout(restart)
    },
    ended: async () => { await gone },
    pid: () => child?.pid ?? 0
  }
}
