// The machine under a stand-in host: `node machine.ts ROOT [--tethered]`. Firmware and PID 1 in one: it gives each
// boot its id and kernel, starts Gitaly's supervisor and the agent, answers the host's commands over a socket, and
// reboots by ending every process of the host. It writes what happened to var/log/machine.log and to its stdout.
// Everything it starts ends with it: by itself on TERM, by watchdog.sh when it is killed. With --tethered it also
// ends when its stdin closes, that is with the program that started it.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { createAgentService } from './agent-service.ts'
import { keepUptime, writeBootFiles } from './boot-files.ts'
import { mountDataDisk } from './data-disk.ts'
import { takeFault } from './faults.ts'
import { appendRecord, type BootRecord, type MachineEvent } from './history.ts'
import { answerCommand } from './host-commands.ts'
import { at, hostMarker, readSettings } from './host-layout.ts'
import { type Answer, ok, refuse } from './pid1-question.ts'
import { openPid1Socket } from './pid1-socket.ts'
import { type Askers, endAll, processesOf } from './processes.ts'
import { createRunit } from './runit.ts'
import { createSystemdCommands } from './systemd-commands.ts'
import { createUnits } from './units.ts'

const root = realpathSync(process.argv[2] ?? '.')
const settings = readSettings(root)
const nodeCache = process.env['NODE_COMPILE_CACHE']

/** off: no power or firmware at work. up: PID 1 runs. stopping: an ordered shutdown is under way. */
let power: 'off' | 'up' | 'stopping' = 'off'
let bootId = ''
/** Timers of this boot; none survives it. */
const timers = new Set<NodeJS.Timeout>()
const askers: Askers = new Set()

const environment: Record<string, string> = {
  PATH: `${root}/bin:${dirname(process.execPath)}:/usr/bin:/bin`,
  HOME: '/root', LANG: 'C.UTF-8', TZ: 'UTC',
  [hostMarker]: root,
  ...(nodeCache === undefined ? {} : { NODE_COMPILE_CACHE: nodeCache })
}

process.stdout.on('error', () => undefined)

function tell(event: MachineEvent['event'], facts: Record<string, string | number | boolean | null> = {}): void {
  const record: MachineEvent = { at: new Date().toISOString(), event, boot_id: bootId, ...facts }
  appendRecord(root, 'machineHistory', record)
  process.stdout.write(`${JSON.stringify(record)}\n`)
}

function later(ms: number, act: () => void): void {
  const timer = setTimeout(() => {
    timers.delete(timer)
    act()
  }, ms)
  timers.add(timer)
}

const runit = createRunit({ root, settings, environment, tell })
const agent = createAgentService({ root, settings, environment, askers, tell, attach: (facts) => { units.attach('pitstop-agent.service', facts) } })
const units = createUnits({ root, environment, askers, tell }, [
  { name: 'pitstop-agent.service', start: agent.start, stop: agent.stop },
  { name: 'gitlab-runsvdir.service', start: startRunsvdir, stop: stopRunsvdir }
])
const systemd = createSystemdCommands({
  root, units, timerSlackMs: settings.timerSlackMs, path: environment['PATH'] ?? '',
  orderReboot,
  isStopping: () => power === 'stopping',
  agentReady: () => { tell('agent-ready', { pid: agent.pid() }) }
})
const host = { root, runit, systemd, bootId: () => bootId, isOff: () => power === 'off' }
const socket = await openPid1Socket(root, settings.address, askers, async (question, isWaitedFor) =>
  (question.command === 'machine' ? hand(question.args[0] ?? '') : await answerCommand(host, question, isWaitedFor)))
const watchdog = spawn('/bin/sh', [new URL('watchdog.sh', import.meta.url).pathname, `${hostMarker}=${root}`, at(root, 'pid1'), socket.address], {
  stdio: ['pipe', 'ignore', 'ignore'], detached: true, env: { PATH: '/usr/bin:/bin' }
})
watchdog.stdin.on('error', () => undefined)

process.on('SIGTERM', () => { void powerOff(settings.shutdownGraceMs) })
process.on('SIGINT', () => { void powerOff(settings.shutdownGraceMs) })
if (process.argv.includes('--tethered')) {
  process.stdin.on('end', () => { void powerOff(0) })
  process.stdin.on('error', () => { void powerOff(0) })
  process.stdin.resume()
}

tell('power-on')
later(settings.firmwareMs, () => { boot('power-on') })

function boot(cause: BootRecord['cause']): void {
  bootId = randomUUID()
  const kernel = writeBootFiles(root, settings, bootId)
  timers.add(keepUptime(root))
  power = 'up'
  appendRecord(root, 'bootHistory', { at: new Date().toISOString(), boot_id: bootId, kernel, cause })
  tell('boot', { cause, kernel })
  units.boot()
  systemd.reset()
  agent.start()
  later(settings.runsvdirDelayMs, startRunsvdir)
  takePowerFaults()
  const second = cause === 'ordered' ? takeFault(root, 'second-reboot-after-boot') : undefined
  if (second !== undefined) later(second.ms, () => { void powerCut() })
}

function takePowerFaults(): void {
  const spontaneous = power === 'up' ? takeFault(root, 'spontaneous-reboot') : undefined
  if (spontaneous !== undefined) later(spontaneous.ms, () => { void powerCut() })
}

function startRunsvdir(): void {
  units.attach('gitlab-runsvdir.service', { active: 'active', sub: 'running', pid: process.pid })
  runit.boot()
}

async function stopRunsvdir(): Promise<void> {
  runit.halt()
  runit.signal('SIGTERM')
  if (!await runit.until(({ state }) => state === 'down', settings.shutdownGraceMs)) runit.signal('SIGKILL')
  units.attach('gitlab-runsvdir.service', { active: 'inactive', sub: 'dead', pid: 0 })
}

/** The end of a boot, whatever ended it: nothing of it may act any more. */
function endBoot(): void {
  for (const timer of timers) clearTimeout(timer)
  timers.clear()
  agent.halt()
  runit.halt()
  units.halt()
  systemd.reset()
}

async function endProcesses(graceMs: number): Promise<void> {
  await endAll(() => processesOf(root, askers), graceMs)
  // They are gone; what is waited for here is that their ends were heard of, so that `off` comes last.
  await Promise.all([runit.until(({ state }) => state === 'down', 1000), agent.ended(), units.ended()])
}

/** Ordered is ordered: the time counts from here, whenever the asker lets go. @returns what begins it, once. */
function orderReboot(): () => void {
  if (power !== 'up') return () => undefined
  power = 'stopping'
  tell('reboot-requested')
  return () => { void reboot() }
}

async function reboot(): Promise<void> {
  endBoot()
  await endProcesses(settings.shutdownGraceMs)
  offAndOn('ordered')
}

async function powerCut(): Promise<void> {
  if (power !== 'up') return
  power = 'stopping'
  tell('power-cut')
  endBoot()
  await endProcesses(0)
  offAndOn('spontaneous')
}

function offAndOn(cause: BootRecord['cause']): void {
  power = 'off'
  tell('off')
  if (takeFault(root, 'never-back') !== undefined) {
    tell('stays-off')
    return
  }
  later(settings.rebootMs + (takeFault(root, 'slow-boot')?.ms ?? 0), () => { boot(cause) })
}

let leaving = false

async function powerOff(graceMs: number): Promise<void> {
  if (leaving) return
  leaving = true
  power = 'stopping'
  tell('power-off')
  endBoot()
  await endProcesses(graceMs)
  power = 'off'
  tell('off')
  socket.close()
  // Nothing is left to end, and it might mistake the processes of the next machine for ours.
  watchdog.kill('SIGKILL')
  process.exit(0)
}

/** What a person does to the machine itself; asked by stand-in-host.ts alone. */
function hand(action: string): Answer {
  switch (action) {
    case 'power-on':
      if (power === 'off' && timers.size === 0) {
        tell('power-on')
        later(settings.firmwareMs, () => { boot('power-on') })
      }
      break
    case 'power-cut':
      void powerCut()
      break
    case 'mount-data-disk':
      mountDataDisk(root, settings)
      break
    case 'look-at-faults':
      takePowerFaults()
      break
    default: return refuse(`machine: no such action ${action}`, 2)
  }
  return ok()
}
