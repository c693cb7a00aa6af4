// One lab host's hardware: an overlay root and systemd-nspawn, which is started again when the host rebooted (exit 133),
// as power and firmware would. Knows nothing of GitLab or pitstop.
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { attempt, type CommandOutput, run } from './command.ts'

/** systemd-nspawn's word for "it asked for a reboot". */
const rebooted = 133
/** What powers a systemd container off cleanly. */
const powerOffSignal = 'SIGRTMIN+4'

export interface MachineOptions {
  readonly name: string
  readonly folder: string
  /** Uppermost first. */
  readonly lower: readonly string[]
  readonly namespace: string
  /** Outside path to inside path; read-only ones marked. */
  readonly binds: () => readonly { readonly from: string, readonly to: string, readonly readOnly?: boolean }[]
  /** A small disk: the host's own changes live in memory of this size. Absent = on disk, as large as it is. */
  readonly diskBytes?: number
  /** Power comes back after an ordered reboot: undefined = at once; a promise = when it resolves (hangs till then). */
  readonly beforeBoot: () => Promise<void> | undefined
  readonly onOff: (how: 'rebooted' | 'off' | 'died') => void
  readonly onBoot: () => void
}

export interface Machine {
  /** Its file system, from outside. */
  readonly root: string
  /** What it and its nspawn printed, from its first boot on. */
  readonly console: string
  readonly powerOn: () => Promise<void>
  readonly powerOff: () => Promise<void>
  /** Everything dies at once; stays off. */
  readonly cutPower: () => Promise<void>
  readonly isOn: () => boolean
  /** As root inside; -1 when it is off. */
  readonly run: (argv: readonly [string, ...string[]], timeoutMs?: number) => Promise<CommandOutput>
  readonly dispose: () => Promise<void>
}

export async function buildMachine(options: MachineOptions): Promise<Machine> {
  const { name, folder } = options
  const disk = join(folder, 'disk')
  const root = join(folder, 'root')
  for (const each of [disk, root]) mkdirSync(each, { recursive: true })
  if (options.diskBytes !== undefined) await run(['mount', '-t', 'tmpfs', '-o', `size=${options.diskBytes}`, 'tmpfs', disk])
  const [upper, work] = [join(disk, 'upper'), join(disk, 'work')]
  for (const each of [upper, work]) mkdirSync(each, { recursive: true })
  await run(['mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=${options.lower.join(':')},upperdir=${upper},workdir=${work}`, root])
  const consoleFile = join(folder, 'console.log')
  const console = createWriteStream(consoleFile, { flags: 'a' })
  const groups = controlGroups(name)
  let child: ChildProcess | undefined
  let wanted: 'on' | 'off' = 'off'

  const start = (): void => {
    const binds = options.binds().map(({ from, to, readOnly = false }) => `--bind${readOnly ? '-ro' : ''}=${from}:${to}`)
    // Its own control groups first: hosts that shared them would stop each other's services.
    const argv = ['sh', '-c', 'n=$1; shift; while [ $n -gt 0 ]; do mkdir -p "$1" && echo 0 > "$1/cgroup.procs" || exit 1; shift; n=$((n-1)); done; exec "$@"', 'sh', String(groups.length), ...groups,
      'systemd-nspawn', '--quiet', '--boot', '--register=no', '--keep-unit', '--link-journal=no', '--console=pipe', '--resolv-conf=off', '--timezone=off', '-M', name.replaceAll('.', '-'), `--hostname=${name}`,
      '-D', root, `--network-namespace-path=${options.namespace}`, ...binds]
    const { NODE_OPTIONS: _loader, ...env } = process.env
    const machine = spawn(argv[0] as string, argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env })
    child = machine
    machine.stdout.pipe(console, { end: false })
    machine.stderr.pipe(console, { end: false })
    options.onBoot()
    machine.once('exit', (code) => {
      child = undefined
      options.onOff(code === rebooted ? 'rebooted' : wanted === 'off' ? 'off' : 'died')
      if (code !== rebooted || wanted === 'off') return
      const power = options.beforeBoot()
      if (power === undefined) start()
      else void power.then(() => { if (wanted === 'on' && child === undefined) start() })
    })
  }

  const init = (): number | undefined => child?.pid === undefined ? undefined : Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0]) || undefined

  const self: Machine = {
    root,
    console: consoleFile,
    isOn: () => child !== undefined,
    async powerOn() {
      wanted = 'on'
      if (child === undefined) start()
    },
    async powerOff() {
      wanted = 'off'
      const machine = child
      if (machine === undefined) return
      const gone = once(machine, 'exit')
      const pid = init()
      if (pid === undefined) machine.kill('SIGKILL')
      else await attempt(['kill', `-${powerOffSignal}`, String(pid)])
      const late = setTimeout(() => { machine.kill('SIGKILL') }, 20_000)
      await gone
      clearTimeout(late)
    },
    async cutPower() {
      wanted = 'off'
      const machine = child
      if (machine === undefined) return
      const gone = once(machine, 'exit')
      machine.kill('SIGKILL')
      await gone
    },
    run: async (argv, timeoutMs) => {
      const pid = init()
      if (pid === undefined) return { exit: -1, stdout: '', stderr: `${name} is off` }
      return await attempt(['nsenter', '-t', String(pid), '-a', '-r', '-w', '--', 'env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C', ...argv], timeoutMs)
    },
    async dispose() {
      await self.powerOff()
      console.end()
      await run(['umount', root])
      if (options.diskBytes !== undefined) await run(['umount', disk])
      for (const group of groups) removeGroup(group)
    }
  }
  return self
}

/**
 * A group of its own in every hierarchy that systemd uses here (version 1 named, version 2, or both). Control groups are the
 * whole machine's, and process ids are not: in each lab this is process 1, and two labs at once would share their hosts' groups.
 */
function controlGroups(name: string): readonly string[] {
  const place = `pitstop-lab-${readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')}-${name}`
  return ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup'].filter((hierarchy) => existsSync(join(hierarchy, 'cgroup.procs'))).map((hierarchy) => join(hierarchy, place))
}

function removeGroup(path: string): void {
  if (!existsSync(path)) return
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeGroup(join(path, entry.name))
  try { rmdirSync(path) } catch { /* A process that is still ending holds it; it is empty soon and harmless. */ }
}
