// systemd's units on a stand-in host: the few that a Debian host with GitLab has, and the transient ones of
// systemd-run. A unit's processes carry its INVOCATION_ID and are ended with it, as a control group would be; a
// unit outlives whoever asked for it and ends with the boot. Texts are in systemd-commands.ts.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, openSync, closeSync, rmSync, symlinkSync } from 'node:fs'
import { at } from './host-layout.ts'
import type { MachineEvent } from './history.ts'
import { type Askers, endAll, processesUnder, signalAll } from './processes.ts'

export interface Unit {
  readonly name: string
  readonly description: string
  /** File state when nothing masks it; empty for transient units. */
  readonly fileState: 'enabled' | 'disabled' | 'static' | 'transient' | ''
  active: 'active' | 'activating' | 'inactive' | 'failed' | 'deactivating'
  sub: string
  pid: number
  restarts: number
  result: string
  exitCode: number
  readonly stop?: () => Promise<void>
  readonly start?: () => void
}

interface TransientUnit {
  readonly name: string
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly collect: boolean
  readonly properties: ReadonlyMap<string, string>
  readonly description: string
  /** ms to wait first; undefined = now. */
  readonly delayMs: number | undefined
  /** systemd-run --wait --pipe: told of its end, and of what it wrote, which is then not in the journal. */
  readonly ended?: (exit: number, stdout: string, stderr: string) => void
}

interface Surroundings {
  readonly root: string
  readonly environment: Record<string, string>
  readonly askers: Askers
  readonly tell: (event: MachineEvent['event'], facts?: Record<string, string | number | boolean | null>) => void
}

export interface Units {
  /** Forgets all transient units and sets the others as after boot. */
  readonly boot: () => void
  readonly find: (name: string) => Unit | undefined
  readonly all: () => readonly Unit[]
  readonly isMasked: (name: string) => 'runtime' | 'persistent' | undefined
  readonly mask: (name: string, runtime: boolean) => string | undefined
  readonly unmask: (name: string, runtime: boolean) => string | undefined
  /** @returns the name that is taken, or undefined when the unit was made. */
  readonly run: (unit: TransientUnit) => string | undefined
  readonly stop: (name: string) => Promise<void>
  readonly start: (name: string) => void
  readonly forget: (name: string) => void
  /** The host goes down: no timer fires any more. */
  readonly halt: () => void
  /** All processes of units have ended and were heard of. */
  readonly ended: () => Promise<void>
  /** Units that live elsewhere in the machine: Gitaly's supervisor and the agent. */
  readonly attach: (name: string, facts: Partial<Pick<Unit, 'active' | 'sub' | 'pid' | 'restarts' | 'result'>>) => void
}

export function createUnits({ root, environment, askers, tell }: Surroundings, owned: readonly Pick<Unit, 'name' | 'stop' | 'start'>[]): Units {
  const units = new Map<string, Unit>()
  const timers = new Set<NodeJS.Timeout>()
  const running = new Set<Promise<void>>()

  const installed = (name: string, fileState: Unit['fileState'], active: Unit['active'], sub: string, description: string): void => {
    const hands = owned.find((unit) => unit.name === name)
    units.set(name, { name, description, fileState, active, sub, pid: 0, restarts: 0, result: 'success', exitCode: 0, ...hands })
  }

  function boot(): void {
    units.clear()
    installed('gitlab-runsvdir.service', 'enabled', 'inactive', 'dead', 'GitLab Runit supervision process')
    installed('pitstop-agent.service', 'enabled', 'inactive', 'dead', 'pitstop agent')
    installed('apt-daily.timer', 'enabled', 'active', 'waiting', 'Daily apt download activities')
    installed('apt-daily-upgrade.timer', 'enabled', 'active', 'waiting', 'Daily apt upgrade and clean activities')
    installed('apt-daily.service', 'static', 'inactive', 'dead', 'Daily apt download activities')
    installed('apt-daily-upgrade.service', 'static', 'inactive', 'dead', 'Daily apt upgrade and clean activities')
    installed('unattended-upgrades.service', 'enabled', 'active', 'running', 'Unattended Upgrades Shutdown')
    installed('ssh.service', 'enabled', 'active', 'running', 'OpenBSD Secure Shell server')
    for (const unit of units.values()) {
      if (isMasked(unit.name) !== undefined) Object.assign(unit, { active: 'inactive', sub: 'dead' })
    }
  }

  const maskPath = (name: string, runtime: boolean): string => `${root}/${runtime ? 'run' : 'etc'}/systemd/system/${name}`
  const isLink = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
  const isMasked = (name: string): 'runtime' | 'persistent' | undefined =>
    isLink(maskPath(name, false)) ? 'persistent' : isLink(maskPath(name, true)) ? 'runtime' : undefined

  function launch(spec: TransientUnit): void {
    const name = `${spec.name}.service`
    const id = randomUUID().replaceAll('-', '')
    mkdirSync(at(root, 'journal'), { recursive: true })
    const journal = openSync(`${at(root, 'journal')}/${name}.log`, 'a', 0o640)
    const [program = '', ...args] = spec.argv
    const child = spawn(program, args, {
      cwd: '/', detached: true, stdio: spec.ended === undefined ? ['ignore', journal, journal] : ['ignore', 'pipe', 'pipe'], env: { ...environment, ...spec.environment, INVOCATION_ID: id }
    })
    closeSync(journal)
    let [stdout, stderr] = ['', '']
    child.stdout?.setEncoding('utf8').on('data', (text: string) => { stdout += text })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => { stderr += text })
    const processes = (): number[] => processesUnder(id, child.pid ?? 0, askers)
    // Only the main process hears of a stop then, and what it leaves behind goes on.
    const alone = spec.properties.get('KillMode') === 'process'
    const stopped = (): number[] => alone ? processes().filter((pid) => pid === child.pid) : processes()
    let timedOut = false
    let stopping = false
    const limit = seconds(spec.properties.get('RuntimeMaxSec'))
    const watch = limit === undefined ? undefined : setTimeout(() => {
      timedOut = true
      signalAll(processes(), 'SIGTERM')
    }, limit)
    if (watch !== undefined) timers.add(watch)
    const ended = new Promise<void>((resolve) => {
      const finish = async (result: string, exitCode: number, killedBy: NodeJS.Signals | null): Promise<void> => {
        clearTimeout(watch)
        // What the main process leaves behind goes with it.
        if (!alone) signalAll(processes(), 'SIGKILL')
        await stopPost(result, exitCode, killedBy)
        tell('unit-exit', { unit: name, result, exit: exitCode })
        const timer = units.get(`${spec.name}.timer`)
        if (timer?.fileState === 'transient') units.delete(timer.name)
        const failed = result !== 'success' && !stopping
        if (failed && !spec.collect) Object.assign(unit, { active: 'failed', sub: 'failed', pid: 0, result, exitCode })
        else if (units.get(name) === unit) units.delete(name)
        // As systemd 252: 1 for a time-out, 255 for a signal.
        spec.ended?.(result === 'timeout' ? 1 : result === 'signal' ? 255 : exitCode, stdout, stderr)
        resolve()
      }
      child.on('error', () => { void finish('exit-code', 203, null) })
      child.on(spec.ended === undefined ? 'exit' : 'close', (code, signal) => {
        const byTerm = signal === 'SIGTERM' || signal === 'SIGHUP' || signal === 'SIGINT' || signal === 'SIGPIPE'
        void finish(timedOut ? 'timeout' : code === 0 || byTerm ? 'success' : code === null ? 'signal' : 'exit-code', code ?? 0, signal)
      })
    })
    /** ExecStopPost: run whatever the end was, told how it was; the unit is not over before. */
    async function stopPost(result: string, exitCode: number, killedBy: NodeJS.Signals | null): Promise<void> {
      const [command, ...rest] = commandLine(spec.properties.get('ExecStopPost') ?? '')
      if (command === undefined) return
      Object.assign(unit, { active: 'deactivating', sub: 'stop-post', pid: 0 })
      const told = { SERVICE_RESULT: result, EXIT_CODE: killedBy === null ? 'exited' : 'killed', EXIT_STATUS: killedBy?.slice(3) ?? String(exitCode) }
      const output = openSync(`${at(root, 'journal')}/${name}.log`, 'a', 0o640)
      const post = spawn(command, rest, { cwd: '/', detached: true, stdio: ['ignore', output, output], env: { ...environment, ...spec.environment, ...told, INVOCATION_ID: id } })
      closeSync(output)
      await new Promise<void>((resolve) => {
        post.on('error', () => { resolve() })
        post.on('exit', () => { resolve() })
      })
    }
    running.add(ended)
    void ended.then(() => running.delete(ended))
    const unit: Unit = {
      name, description: spec.description, fileState: 'transient', active: 'active', sub: 'running', pid: child.pid ?? 0, restarts: 0,
      result: 'success', exitCode: 0,
      async stop() {
        stopping = true
        Object.assign(unit, { active: 'deactivating', sub: 'stop-sigterm' })
        await endAll(stopped, seconds(spec.properties.get('TimeoutStopSec')) ?? 5000)
        await ended
      }
    }
    units.set(name, unit)
    tell('unit-start', { unit: name, pid: unit.pid })
  }

  boot()
  return {
    boot,
    isMasked,
    find: (name) => units.get(name),
    all: () => [...units.values()],
    mask(name, runtime) {
      const path = maskPath(name, runtime)
      if (isLink(path)) return undefined
      mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true })
      symlinkSync('/dev/null', path)
      // systemd 252: a timer that is masked while it runs has failed, and no unmask starts it again. A service runs on.
      const unit = units.get(name)
      if (unit !== undefined && name.endsWith('.timer') && unit.active === 'active') Object.assign(unit, { active: 'failed', sub: 'failed', result: 'resources' })
      return path.slice(root.length)
    },
    unmask(name, runtime) {
      const path = maskPath(name, runtime)
      if (!isLink(path)) return undefined
      rmSync(path)
      return path.slice(root.length)
    },
    run(spec) {
      const [service, timer] = [`${spec.name}.service`, `${spec.name}.timer`]
      const wanted = spec.delayMs === undefined ? [service] : [timer, service]
      const taken = wanted.find((name) => units.has(name) || existsSync(`${root}/etc/systemd/system/${name}`))
      if (taken !== undefined) return taken
      if (spec.delayMs === undefined) {
        launch(spec)
        return undefined
      }
      const handle = setTimeout(() => {
        Object.assign(unit, { sub: 'running' })
        launch(spec)
      }, spec.delayMs)
      timers.add(handle)
      const unit: Unit = {
        name: timer, description: spec.description, fileState: 'transient', active: 'active', sub: 'waiting', pid: 0, restarts: 0,
        result: 'success', exitCode: 0,
        async stop() {
          clearTimeout(handle)
          units.delete(timer)
          if (units.get(service) === waiting) units.delete(service)
          await Promise.resolve()
        }
      }
      units.set(timer, unit)
      // Loaded with its timer, so that stopping it finds it and stops nothing: the timer still fires.
      const waiting: Unit = { ...unit, name: service, active: 'inactive', sub: 'dead', stop: async () => { await Promise.resolve() } }
      units.set(service, waiting)
      return undefined
    },
    async stop(name) {
      const unit = units.get(name)
      if (unit === undefined) return
      if (unit.active === 'inactive' || unit.active === 'failed') return
      if (unit.stop === undefined) Object.assign(unit, { active: 'inactive', sub: 'dead', pid: 0 })
      else await unit.stop()
    },
    start(name) {
      const unit = units.get(name)
      if (unit === undefined || unit.active === 'active') return
      if (unit.start !== undefined) unit.start()
      else Object.assign(unit, { active: 'active', sub: name.endsWith('.timer') ? 'waiting' : 'running', result: 'success' })
    },
    forget(name) {
      const unit = units.get(name)
      if (unit?.active !== 'failed') return
      if (unit.fileState === 'transient') units.delete(name)
      else Object.assign(unit, { active: 'inactive', sub: 'dead', result: 'success' })
    },
    halt() {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
    async ended() { await Promise.all(running) },
    attach(name, facts) {
      const unit = units.get(name)
      if (unit !== undefined) Object.assign(unit, facts)
    }
  }
}

/** The words of an Exec line: quotes and backslashes as in systemd.service(5), "$$" for a dollar. */
const commandLine = (text: string): string[] => [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)]
  .map(([, quoted, plain]) => (quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '').replaceAll('$$', '$'))

/** systemd's time spans, in ms: "30", "500ms", "1min 30s"; undefined for infinity or nothing. */
export function seconds(text: string | undefined): number | undefined {
  if (text === undefined || text === 'infinity') return undefined
  const factors: Record<string, number> = { us: 0.001, ms: 1, '': 1000, s: 1000, sec: 1000, m: 60_000, min: 60_000, h: 3_600_000, hr: 3_600_000 }
  let total = 0
  let rest = text.trim()
  while (rest !== '') {
    const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)\s*/.exec(rest)
    const factor = factors[match?.[2] ?? '?']
    if (match === null || factor === undefined) return NaN
    total += Number(match[1]) * factor
    rest = rest.slice(match[0].length)
  }
  return total
}
