// The machine under a stand-in host: `node machine.ts ROOT [--tethered]`. Firmware and PID 1 in one: it gives each
// boot its id and kernel, starts Gitaly's supervisor and the agent, answers the host's commands over a socket, and
// reboots by ending every process of the host. It writes what happened to var/log/machine.log and to its stdout.
// Everything it starts ends with it: by itself on TERM, by watchdog.sh when it is killed. With --tethered it also
// ends when its stdin closes, that is with the program that started it.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, openSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { createAgentService } from './agent-service.ts'
import { kernelsIn } from './apt-get.ts'
import { writeDurably } from './durable-file.ts'
import { takeFault } from './faults.ts'
import { gitlabCtl } from './gitlab-ctl.ts'
import { appendRecord, type BootRecord, type MachineEvent } from './history.ts'
import { at, hostMarker, readSettings } from './host-layout.ts'
import { openPid1Socket, type Answer, type Question } from './pid1-socket.ts'
import { endAll, processesOf } from './processes.ts'
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
const agent = createAgentService({ root, settings, environment, tell, attach: (facts) => { units.attach('pitstop-agent.service', facts) } })
const units = createUnits({ root, environment, tell }, [
  { name: 'pitstop-agent.service', start: agent.start, stop: agent.stop },
  { name: 'gitlab-runsvdir.service', start: startRunsvdir, stop: stopRunsvdir }
])
const systemd = createSystemdCommands({
  root, units, timerSlackMs: settings.timerSlackMs, path: environment['PATH'] ?? '',
  reboot: () => { void orderedReboot() },
  agentReady: () => { tell('agent-ready', { pid: agent.pid() }) }
})
const socket = await openPid1Socket(root, answer)
const watchdog = spawn('/bin/sh', [new URL('watchdog.sh', import.meta.url).pathname, `${hostMarker}=${root}`, socket.folder], {
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
  const kernels = kernelsIn(root)
  const older = kernels.length > 1 && takeFault(root, 'old-kernel') !== undefined
  const kernel = kernels[kernels.length - (older ? 2 : 1)] ?? '0.0.0-none'
  for (const entry of existsSync(at(root, 'run')) ? readdirSync(at(root, 'run')) : []) rmSync(`${at(root, 'run')}/${entry}`, { recursive: true, force: true })
  for (const place of ['dpkgLock', 'listsLock'] as const) rmSync(at(root, place), { force: true })
  mkdirSync(at(root, 'run'), { recursive: true })
  writeFileSync(`${at(root, 'run')}/machine.json`, JSON.stringify({ pid: process.pid }))
  mountDataDisk()
  if (takeFault(root, 'data-disk-missing') !== undefined) setDataDiskAside()
  mkdirSync(dirname(at(root, 'bootId')), { recursive: true })
  writeDurably(at(root, 'bootId'), `${bootId}\n`)
  writeDurably(at(root, 'kernel'), `${kernel}\n`)
  keepUptime()
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

function keepUptime(): void {
  const bootedAt = performance.now()
  writeFileSync(at(root, 'stat'), `cpu  0 0 0 0 0 0 0 0 0 0\nbtime ${Math.floor(Date.now() / 1000)}\n`)
  rmSync(at(root, 'uptime'), { force: true })
  const file = openSync(at(root, 'uptime'), 'w', 0o444)
  // Written in place, never shorter than before: a reader sees no empty file.
  const write = (): void => {
    const uptime = ((performance.now() - bootedAt) / 1000).toFixed(2)
    writeSync(file, `${uptime} ${uptime}\n`, 0)
  }
  write()
  const timer = setInterval(write, 1000)
  timers.add(timer)
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

// The data disk is mounted on the folder of all storages; set aside, the empty mount point shows instead.
function dataFolders(): { mounted: string, aside: string }[] {
  const paths = [...new Set(settings.gitaly.storages.map(({ path }) => path))]
  return paths.map((path, index) => ({ mounted: `${root}${path}`, aside: `${at(root, 'dataDisk')}/${index}` }))
}

function mountDataDisk(): void {
  for (const { mounted, aside } of dataFolders()) {
    if (!existsSync(aside)) continue
    rmSync(mounted, { recursive: true, force: true })
    renameSync(aside, mounted)
  }
}

function setDataDiskAside(): void {
  mkdirSync(at(root, 'dataDisk'), { recursive: true })
  for (const { mounted, aside } of dataFolders()) {
    if (!existsSync(mounted)) continue
    renameSync(mounted, aside)
    mkdirSync(mounted, { recursive: true })
  }
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
  await endAll(() => processesOf(root), graceMs)
  // They are gone; what is waited for here is that their ends were heard of, so that `off` comes last.
  await Promise.all([runit.until(({ state }) => state === 'down', 1000), agent.ended(), units.ended()])
}

async function orderedReboot(): Promise<void> {
  if (power !== 'up') return
  power = 'stopping'
  tell('reboot-requested')
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
  watchdog.stdin.end()
  process.exit(0)
}

async function answer(question: Question): Promise<Answer> {
  if (question.command === 'machine') return hand(question.args[0] ?? '')
  if (power === 'off') {
    if (question.command === 'gitlab-ctl') return { stdout: 'fail: gitaly: runsv not running\n', stderr: '', exit: 1 }
    return { stdout: '', stderr: "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n", exit: 1 }
  }
  if (question.command === 'gitlab-ctl') return await gitlabCtl(root, runit, question)
  return await systemd.answer(question) ?? { stdout: '', stderr: `${question.command}: command not found\n`, exit: 127 }
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
      mountDataDisk()
      break
    case 'look-at-faults':
      takePowerFaults()
      break
    default: return { stdout: '', stderr: `machine: no such action ${action}\n`, exit: 2 }
  }
  return { stdout: '', stderr: '', exit: 0 }
}
