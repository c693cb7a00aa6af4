// A stand-in Gitaly host, as a demo or a scenario holds it: makes its folder, switches its machine on and off, puts
// faults in, and reads what happened. The machine is a process of its own and ends with this one, however it ends.
// Nothing here sleeps or polls: waiting is woken by the machine's events and by changes of the host's files.
import { type ChildProcess, spawn } from 'node:child_process'
import { watch, mkdirSync, openSync, closeSync, realpathSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { buildHost, nodeCache } from './build-host.ts'
import { defaultPackages, type PackageSet } from './default-packages.ts'
import { readIfThere, readJson, writeJson } from './durable-file.ts'
import { type FaultName, type FaultOptions, putFault, removeFault } from './faults.ts'
import { type BootRecord, type CommandRecord, type MachineEvent, readRecords } from './history.ts'
import { at, type GitalySettings, type MachineSettings } from './host-layout.ts'
import { type AvailablePackage, type InstalledPackage, readDatabase } from './package-database.ts'
import { type RebootTimes, rebootTimes } from './reboot-times.ts'

export interface HostOptions {
  /** The host's root is FOLDER/NODE. */
  readonly folder: string
  readonly fleet: string
  readonly node: string
  /** Names, each with a folder of its own under /var/opt/gitlab/git-data; or names with paths as the host sees them. */
  readonly storages: readonly (string | { readonly name: string, readonly path: string })[]
  /** 127.0.x.y */
  readonly address: string
  /** Free ones without. */
  readonly agentPort?: number
  readonly gitalyPort?: number
  readonly metricsPort?: number
  readonly tls: { readonly certificate: string, readonly key: string, readonly authority: string }
  /** host:port */
  readonly coordinators: readonly string[]
  readonly rebootMs?: number
  readonly gitalyStartMs?: number
  readonly aptMs?: number
  readonly packages?: PackageSet
  readonly overrides?: {
    readonly machine?: Partial<MachineSettings>
    readonly gitaly?: Partial<GitalySettings>
    /** Merged over the keys of agent.yml, section by section. */
    readonly configuration?: Readonly<Record<string, unknown>>
  }
  /** Another program in the agent's place; an empty argv = none. */
  readonly agent?: { readonly argv: readonly string[] }
}

export interface Host extends AsyncDisposable {
  readonly node: string
  readonly root: string
  /** host:port */
  readonly agentAddress: string
  readonly gitalyAddress: string
  readonly metricsAddress: string
  /** bin folder with the host's commands. */
  readonly path: string
  /** Resolves when the machine process runs; the host boots then. Also switches a host on that stayed off. */
  readonly powerOn: () => Promise<void>
  /** Orderly, as by its power button; resolves when no process is left. */
  readonly powerOff: () => Promise<void>
  /** Power fails for a moment: everything dies at once and the host boots by itself. */
  readonly powerCycle: () => Promise<void>
  /** kill -9 of the machine process. */
  readonly killMachine: () => Promise<void>
  /** @returns false when there is none. */
  readonly killAgent: (signal?: NodeJS.Signals) => boolean
  readonly killGitaly: (signal?: NodeJS.Signals) => boolean
  readonly machinePid: () => number | undefined
  readonly agentPid: () => number | undefined
  readonly gitalyPid: () => number | undefined
  /** Empty before the first boot; the last one while it is off. */
  readonly bootId: () => string
  readonly boots: () => BootRecord[]
  readonly commands: () => CommandRecord[]
  readonly events: () => MachineEvent[]
  readonly reboots: () => RebootTimes[]
  readonly installed: () => Readonly<Record<string, InstalledPackage>>
  /** All lines in Gitaly's current log file. */
  readonly gitalyLog: () => string[]
  readonly fault: <N extends FaultName>(name: N, options?: FaultOptions[N] & { readonly times?: number | 'always' }) => Promise<void>
  readonly removeFault: (name: FaultName) => void
  /** Puts a data disk back that was missing at boot; Gitaly should be stopped. */
  readonly mountDataDisk: () => Promise<void>
  /** A new version in the repositories; seen after apt-get update. */
  readonly publish: (entry: AvailablePackage) => void
  /** A person's shell on the host. */
  readonly run: (command: string, ...args: readonly string[]) => Promise<{ exit: number | null, signal: string | null, stdout: string, stderr: string }>
  /** @param what for the message when it does not come. The predicate is asked again whenever something happens on the host. */
  readonly waitFor: <T>(what: string, predicate: (host: Host) => T | undefined | false, timeoutMs?: number) => Promise<T>
  /** Gitaly of the present boot listens. */
  readonly whenServing: (timeoutMs?: number) => Promise<MachineEvent>
}

const repository = new URL('../../../', import.meta.url).pathname

export async function createHost(options: HostOptions): Promise<Host> {
  const { node, address, fleet } = options
  mkdirSync(join(options.folder, node), { recursive: true })
  const root = realpathSync(join(options.folder, node))
  const ports = [options.agentPort, options.gitalyPort, options.metricsPort]
  const [agentPort = 0, gitalyPort = 0, metricsPort = 0] = await freePorts(address, ports)
  const agentAddress = `${address}:${agentPort}`
  const gitalyAddress = `${address}:${gitalyPort}`
  const metricsAddress = `${address}:${metricsPort}`
  const gitaly: GitalySettings = {
    listen: gitalyAddress,
    metrics: metricsAddress,
    storages: options.storages.map((storage) => (typeof storage === 'string' ? { name: storage, path: `/var/opt/gitlab/git-data/${storage}` } : storage)),
    startMs: options.gitalyStartMs ?? 300,
    release: '18.5.1',
    wrapper: false,
    logLevel: 'info',
    gracefulMs: 60_000,
    ...options.overrides?.gitaly
  }
  const configurationFile = at(root, 'agentConfiguration')
  const settings: MachineSettings = {
    node,
    agent: options.agent?.argv ?? [`${repository}agent/bin/pitstop-agent`, '--config', configurationFile, 'serve'],
    firmwareMs: 50,
    rebootMs: options.rebootMs ?? 1500,
    runsvdirDelayMs: 100,
    shutdownGraceMs: 5000,
    agentRestartMs: 100,
    timerSlackMs: 500,
    finishMs: 0,
    aptMs: options.aptMs ?? 600,
    architecture: 'amd64',
    svlogd: { size: 200 * 1024 * 1024, keep: 30 },
    ...options.overrides?.machine,
    gitaly
  }
  const configuration: Record<string, unknown> = {
    fleet,
    node,
    listen: agentAddress,
    coordinators: options.coordinators,
    tls: { certificate: options.tls.certificate, key: options.tls.key, authority: options.tls.authority },
    state: join(root, 'var/lib/pitstop-agent'),
    host: { root, path: [join(root, 'bin')] },
    gitaly: {
      'service-manager': 'gitlab-ctl',
      'service': 'gitaly',
      'address': gitalyAddress,
      'log': '/var/log/gitlab/gitaly/current',
      'stop-deadline': '10s',
      'start-deadline': '30s',
      'health-interval': '100ms',
      ...gitaly.tokenFile === undefined ? {} : { 'token-file': gitaly.tokenFile }
    },
    apt: { 'lock-timeout': '5s', 'deadline': '60s', 'exclude': ['gitlab-ee', 'gitlab-ce', 'pitstop-agent'], 'minimum-free-bytes': 0, 'minimum-free-boot-bytes': 0 },
    reboot: { policy: 'always' },
    report: { 'first-delay': '0ms', 'maximum-delay': '2s' }
  }
  for (const [key, value] of Object.entries(options.overrides?.configuration ?? {})) {
    const before = configuration[key]
    configuration[key] = isSection(before) && isSection(value) ? { ...before, ...value } : value
  }
  buildHost({ root, settings, packages: options.packages ?? defaultPackages, agentConfiguration: configuration })

  let machine: ChildProcess | undefined
  const lookers = new Set<() => void>()
  const stir = (): void => { for (const look of lookers) look() }

  const events = (): MachineEvent[] => readRecords<MachineEvent>(root, 'machineHistory')
  const bootId = (): string => readIfThere(at(root, 'bootId'))?.trim() ?? ''

  /** The pid of the latest start without an end, as the machine tells. */
  function livingPid(start: MachineEvent['event'], end: MachineEvent['event']): number | undefined {
    const all = events()
    const started = all.findLast(({ event }) => event === start)
    if (started === undefined || machine === undefined) return undefined
    const ended = all.slice(all.indexOf(started)).some((event) => (event.event === end && event['pid'] === started['pid']) || event.event === 'off')
    return ended ? undefined : Number(started['pid'])
  }

  const signal = (pid: number | undefined, name: NodeJS.Signals): boolean => {
    if (pid === undefined || pid === 0) return false
    try {
      process.kill(pid, name)
      return true
    } catch {
      return false
    }
  }

  async function handOn(action: string): Promise<void> {
    const path = readIfThere(at(root, 'pid1'))?.trim() ?? ''
    await new Promise<void>((resolve, reject) => {
      const socket = connect(path, () => { socket.write(`${JSON.stringify({ command: 'machine', args: [action], environment: {}, pid: process.pid })}\n`) })
      socket.on('error', reject)
      socket.on('data', () => undefined)
      socket.on('close', () => { resolve() })
    })
  }

  async function startMachine(): Promise<void> {
    const problems = openSync(join(root, 'var/log/machine.err'), 'a')
    const started = spawn(process.execPath, [new URL('machine.ts', import.meta.url).pathname, root, '--tethered'], {
      detached: true, stdio: ['pipe', 'pipe', problems],
      env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, NODE_COMPILE_CACHE: nodeCache, LANG: 'C.UTF-8' }
    })
    closeSync(problems)
    machine = started
    started.stdin?.on('error', () => undefined)
    await new Promise<void>((resolve, reject) => {
      started.stdout?.on('data', () => {
        resolve()
        stir()
      })
      started.on('error', reject)
      started.on('exit', (code) => {
        if (machine === started) machine = undefined
        reject(new Error(`the machine of ${node} ended with ${code ?? 'a signal'}: ${readIfThere(join(root, 'var/log/machine.err')) ?? ''}`))
        stir()
      })
    })
  }

  const ended = async (): Promise<void> => {
    const running = machine
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    await new Promise<void>((resolve) => { running.once('exit', () => { resolve() }) })
  }

  const host: Host = {
    node,
    root,
    agentAddress,
    gitalyAddress,
    metricsAddress,
    path: join(root, 'bin'),
    async powerOn() {
      if (machine === undefined) await startMachine()
      else await handOn('power-on')
    },
    async powerOff() {
      machine?.kill('SIGTERM')
      await ended()
    },
    async powerCycle() { await handOn('power-cut') },
    async killMachine() {
      machine?.kill('SIGKILL')
      await ended()
    },
    killAgent: (name = 'SIGKILL') => signal(host.agentPid(), name),
    killGitaly: (name = 'SIGKILL') => signal(host.gitalyPid(), name),
    machinePid: () => machine?.pid,
    agentPid: () => livingPid('agent-start', 'agent-exit'),
    gitalyPid: () => livingPid('gitaly-start', 'gitaly-exit'),
    bootId,
    boots: () => readRecords<BootRecord>(root, 'bootHistory'),
    commands: () => readRecords<CommandRecord>(root, 'commandHistory'),
    events,
    reboots: () => rebootTimes(events()),
    installed: () => readDatabase(root).packages,
    gitalyLog: () => (readIfThere(join(at(root, 'gitalyLog'), 'current')) ?? '').split('\n').filter((line) => line !== ''),
    async fault(name, faultOptions) {
      const { times = 1, ...rest } = { ...faultOptions } as { times?: number | 'always' }
      putFault(root, name, rest as FaultOptions[typeof name], times)
      if (name === 'spontaneous-reboot' && machine !== undefined) await handOn('look-at-faults')
    },
    removeFault(name) { removeFault(root, name) },
    async mountDataDisk() { await handOn('mount-data-disk') },
    publish(entry) {
      writeJson(at(root, 'repository'), [...readJson<AvailablePackage[]>(at(root, 'repository'), []), entry])
    },
    async run(command, ...args) {
      const child = spawn(join(root, 'bin', command), args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: `${root}/bin:/usr/bin:/bin`, LANG: 'C', ...svwait() } })
      let [stdout, stderr] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
      child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
      return await new Promise((resolve, reject) => {
        child.on('error', reject)
        child.on('close', (exit, killedBy) => { resolve({ exit, signal: killedBy, stdout, stderr }) })
      })
    },
    async waitFor(what, predicate, timeoutMs = 20_000) {
      const first = predicate(host)
      if (first !== undefined && first !== false) return first
      const watchers = ['var/log', 'var/log/gitlab/gitaly', 'var/lib/dpkg', 'proc/sys/kernel/random'].flatMap((folder) => {
        mkdirSync(join(root, folder), { recursive: true })
        return [watch(join(root, folder), stir)]
      })
      try {
        return await new Promise((resolve, reject) => {
          const timer = setTimeout(() => {
            lookers.delete(look)
            reject(new Error(`${node}: no ${what} within ${timeoutMs} ms; last: ${events().slice(-8).map(({ event }) => event).join(', ')}`))
          }, timeoutMs)
          const end = (act: () => void): void => {
            clearTimeout(timer)
            lookers.delete(look)
            act()
          }
          const look = (): void => {
            try {
              const found = predicate(host)
              if (found !== undefined && found !== false) end(() => { resolve(found) })
            } catch (error) {
              end(() => { reject(error instanceof Error ? error : new Error(String(error))) })
            }
          }
          lookers.add(look)
          look()
        })
      } finally {
        for (const watcher of watchers) watcher.close()
      }
    },
    async whenServing(timeoutMs) {
      return await host.waitFor('serving Gitaly', () => {
        const all = events()
        const since = all.findLastIndex(({ event }) => event === 'gitaly-start' || event === 'power-on' || event === 'off' || event === 'power-cut' || event === 'reboot-requested')
        return all.slice(since).find(({ event }) => event === 'gitaly-serving')
      }, timeoutMs)
    },
    async [Symbol.asyncDispose]() { await host.powerOff() }
  }
  return host
}

const svwait = (): Record<string, string> => (process.env['SVWAIT'] === undefined ? {} : { SVWAIT: process.env['SVWAIT'] })

const isSection = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Keeps the ports given and finds free ones for the others, all held at once so that they differ. */
async function freePorts(address: string, wanted: readonly (number | undefined)[]): Promise<number[]> {
  const servers = await Promise.all(wanted.map(async (port) => {
    const server = createServer()
    if (port !== undefined) return { port, close: async () => { await Promise.resolve() } }
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject)
      server.listen(0, address, resolve)
    })
    const bound = server.address()
    return {
      port: typeof bound === 'object' && bound !== null ? bound.port : 0,
      close: async () => { await new Promise<void>((resolve) => { server.close(() => { resolve() }) }) }
    }
  }))
  await Promise.all(servers.map(async ({ close }) => { await close() }))
  return servers.map(({ port }) => port)
}
