// A stand-in Gitaly host, as a demo or a scenario holds it: makes its folder, switches its machine on and off, puts
// faults in, and reads what happened. The machine is a process of its own and ends with this one, however it ends.
import { spawn } from 'node:child_process'
import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { buildHost } from './build-host.ts'
import { defaultPackages } from './default-packages.ts'
import { readIfThere, readJson, writeJson } from './durable-file.ts'
import { type FaultOptions, putFault, removeFault } from './faults.ts'
import { freePorts } from './free-ports.ts'
import { type BootRecord, type CommandRecord, type MachineEvent, readRecords } from './history.ts'
import type { Host } from './host.ts'
import { createHostChanges } from './host-changes.ts'
import { at } from './host-layout.ts'
import type { HostOptions } from './host-options.ts'
import { agentConfiguration, machineSettings } from './host-settings.ts'
import { createMachineProcess } from './machine-process.ts'
import { type AvailablePackage, readDatabase } from './package-database.ts'
import { rebootTimes } from './reboot-times.ts'

export type { Host } from './host.ts'
export type { HostOptions } from './host-options.ts'

export async function createHost(options: HostOptions): Promise<Host> {
  const { node, address } = options
  mkdirSync(join(options.folder, node), { recursive: true })
  const root = realpathSync(join(options.folder, node))
  const [agentPort, gitalyPort, metricsPort] = await freePorts(address, [options.agentPort, options.gitalyPort, options.metricsPort])
  const addresses = { agent: `${address}:${agentPort}`, gitaly: `${address}:${gitalyPort}`, metrics: `${address}:${metricsPort}` }
  const settings = machineSettings(root, options, addresses)
  buildHost({ root, settings, packages: options.packages ?? defaultPackages, agentConfiguration: agentConfiguration(root, options, addresses, settings) })

  const changes = createHostChanges(root)
  const machine = createMachineProcess(root, changes.stir)
  const events = (): MachineEvent[] => readRecords<MachineEvent>(root, 'machineHistory')
  const bootId = (): string => readIfThere(at(root, 'bootId'))?.trim() ?? ''

  /** The pid of the latest start without an end, as the machine tells. */
  function livingPid(start: MachineEvent['event'], end: MachineEvent['event']): number | undefined {
    const all = events()
    const started = all.findLast(({ event }) => event === start)
    if (started === undefined || machine.pid() === undefined) return undefined
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

  const host: Host = {
    node,
    root,
    agentAddress: addresses.agent,
    gitalyAddress: addresses.gitaly,
    metricsAddress: addresses.metrics,
    path: join(root, 'bin'),
    async powerOn() {
      if (machine.pid() === undefined) await machine.start()
      else await machine.act('power-on')
    },
    async powerOff() {
      machine.kill('SIGTERM')
      await machine.ended()
    },
    async powerCycle() { await machine.act('power-cut') },
    async killMachine() {
      machine.kill('SIGKILL')
      await machine.ended()
    },
    killAgent: (name = 'SIGKILL') => signal(host.agentPid(), name),
    killGitaly: (name = 'SIGKILL') => signal(host.gitalyPid(), name),
    machinePid: machine.pid,
    agentPid: () => livingPid('agent-start', 'agent-exit'),
    gitalyPid: () => livingPid('gitaly-start', 'gitaly-exit'),
    bootId,
    boots: () => readRecords<BootRecord>(root, 'bootHistory'),
    commands: () => readRecords<CommandRecord>(root, 'commandHistory'),
    events,
    reboots: () => rebootTimes(events()),
    installed: () => readDatabase(root).packages,
    brokenPackages: () => Object.entries(readDatabase(root).packages).filter(([, { state }]) => state !== 'installed').map(([name]) => name),
    gitalyLog: () => (readIfThere(join(at(root, 'gitalyLog'), 'current')) ?? '').split('\n').filter((line) => line !== ''),
    async fault(name, faultOptions) {
      const { times = 1, ...rest } = { ...faultOptions } as { times?: number | 'always' }
      putFault(root, name, rest as FaultOptions[typeof name], times)
      if (name === 'spontaneous-reboot' && machine.pid() !== undefined) await machine.act('look-at-faults')
    },
    removeFault(name) { removeFault(root, name) },
    async mountDataDisk() { await machine.act('mount-data-disk') },
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
    waitFor: async (what, predicate, timeoutMs = 20_000) => await changes.until(() => predicate(host), timeoutMs, () =>
      `${node}: no ${what} within ${timeoutMs} ms; last: ${events().slice(-8).map(({ event }) => event).join(', ')}`),
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
