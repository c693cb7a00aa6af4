// A real Gitaly host as a lab scenario holds it: booted Debian, omnibus with Gitaly under runit, the installed agent; what
// can be done to it, and what it kept of its own life. Its records are its own: nothing here comes from pitstop.
import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import type { TlsFiles } from '../demo/installation.ts'
import { type FaultOptions, putFault } from '../stand-ins/host/faults.ts'
import type { BootRecord, MachineEvent } from '../stand-ins/host/history.ts'
import { type RebootTimes, rebootTimes } from '../stand-ins/host/reboot-times.ts'
import type { CommandOutput } from './command.ts'
import { inVain, lastWords, said } from './last-words.ts'
import { buildMachine } from './machine.ts'
import { hostAddress, plugIn } from './network.ts'
import { gitalyRuntime, layPlainGitaly, realGitaly, realGitalyTarget } from './omnibus.ts'

export interface LabHostOptions {
  readonly node: string
  readonly index: number
  readonly fleet: string
  readonly folder: string
  /** Uppermost first. */
  readonly lower: readonly string[]
  readonly tls: TlsFiles
  /** host:port of the coordinator. */
  readonly coordinator: string
  /** Merged into the agent's configuration, section by section. */
  readonly configuration?: Readonly<Record<string, Readonly<Record<string, unknown>> | string>>
  /** Lines for the agent's unit, e.g. Environment=. */
  readonly unitSettings?: readonly string[]
  readonly gitaly?: { readonly startMs?: number, readonly logLevel?: 'info' | 'warn', readonly wrapper?: boolean, readonly manager?: 'gitlab-ctl' | 'systemd' }
  readonly diskBytes?: number
  /** Asked only to explain a wait in vain: what pitstop makes of this host. */
  readonly secondOpinion?: () => Promise<string>
}

export interface LabHost {
  readonly node: string
  readonly root: string
  readonly agentAddress: string
  readonly gitalyAddress: string
  readonly network: { readonly cut: () => Promise<void>, readonly join: () => Promise<void> }
  readonly powerOn: () => Promise<void>
  readonly powerOff: () => Promise<void>
  readonly cutPower: () => Promise<void>
  readonly run: (...argv: readonly [string, ...string[]]) => Promise<CommandOutput>
  /** The same; an end other than 0 is an error. */
  readonly must: (...argv: readonly [string, ...string[]]) => Promise<string>
  /** A file of the host, owned by root. */
  readonly put: (path: string, content: string, mode?: number) => void
  readonly bootId: () => Promise<string>
  readonly boots: () => readonly BootRecord[]
  readonly events: () => MachineEvent[]
  readonly reboots: () => readonly RebootTimes[]
  readonly brokenPackages: () => readonly string[]
  readonly installed: () => Promise<ReadonlyMap<string, string>>
  /** At Gitaly's next start or stop. */
  readonly fault: <N extends keyof FaultOptions>(name: N, options?: FaultOptions[N] & { readonly times?: number | 'always' }) => void
  /** After its next reboot it hangs before the kernel starts, until the returned function is called. */
  readonly hangInBoot: () => () => void
  readonly loseDataDisk: () => void
  /** Asked again every 50 ms: these hosts push nothing to their maker. In vain, the error says how the host stands. */
  readonly waitFor: (what: string, holds: () => boolean | Promise<boolean>, timeoutMs?: number) => Promise<void>
  /** How it stands: its own record, its units, journal and console, and what pitstop makes of it. */
  readonly lastWords: () => Promise<string>
  readonly dispose: () => Promise<void>
}

const agentPort = 9443
const gitalyPort = 9999
const workspaceNode = new URL('../../node_modules/.bin/node', import.meta.url).pathname

export async function buildLabHost(options: LabHostOptions): Promise<LabHost> {
  const { node, index } = options
  const address = hostAddress(index)
  const folder = join(options.folder, node)
  const dataDisk = join(folder, 'data')
  mkdirSync(dataDisk, { recursive: true })
  const network = await plugIn(index)
  const machineLog = (): string => join(machine.root, 'var/log/machine.log')
  const tell = (event: MachineEvent['event'], facts: Readonly<Record<string, string>> = {}): void => {
    appendFileSync(machineLog(), `${JSON.stringify({ at: new Date().toISOString(), event, boot_id: '', ...facts })}\n`)
  }
  let hasDataDisk = true
  let hang: Promise<void> | undefined
  const offAt: string[] = []
  const onAt: string[] = []
  const machine = await buildMachine({
    name: node, folder, lower: options.lower, namespace: network.namespace, ...options.diskBytes === undefined ? {} : { diskBytes: options.diskBytes },
    binds: () => [
      { from: workspaceNode, to: gitalyRuntime, readOnly: true },
      ...hasDataDisk ? [{ from: dataDisk, to: '/var/opt/gitlab/git-data' }] : [],
      ...realGitaly === undefined ? [] : [{ from: realGitaly, to: realGitalyTarget, readOnly: true }]
    ],
    beforeBoot: () => hang,
    onOff: () => {
      offAt.push(new Date().toISOString())
      tell('off')
    },
    onBoot: () => {
      onAt.push(new Date().toISOString())
      tell(onAt.length === 1 ? 'power-on' : 'boot', { cause: causeOf(machine.root, offAt.at(-1)) })
    }
  })
  writeGitaly(machine.root, options, address)
  if (options.gitaly?.manager === 'systemd') layPlainGitaly(machine.root)
  writeAgent(machine.root, options, address)

  const records = (): MachineEvent[] => existsSync(machineLog())
    ? readFileSync(machineLog(), 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as MachineEvent) : []
  /** Boot ids are the host's: the first record of a boot that names one gives it to the boot. */
  const events = (): MachineEvent[] => {
    const all = records()
    return all.map((event, position) => event.boot_id !== '' ? event : {
      ...event,
      boot_id: (event.event === 'boot' || event.event === 'power-on' ? all.slice(position) : all.slice(0, position).reverse()).find(({ boot_id }) => boot_id !== '')?.boot_id ?? ''
    })
  }

  const self: LabHost = {
    node,
    root: machine.root,
    agentAddress: `${address}:${agentPort}`,
    gitalyAddress: `${address}:${gitalyPort}`,
    network,
    powerOn: machine.powerOn,
    powerOff: machine.powerOff,
    cutPower: machine.cutPower,
    run: (...argv) => machine.run(argv),
    async must(...argv) {
      const { exit, stdout, stderr } = await machine.run(argv)
      if (exit !== 0) throw new Error(`${node}: ${argv.join(' ')} ended with ${exit}: ${(stderr + stdout).slice(-3000)}`)
      return stdout
    },
    put: (path, content, mode = 0o644) => {
      mkdirSync(dirname(join(machine.root, path)), { recursive: true })
      writeFileSync(join(machine.root, path), content)
      chmodSync(join(machine.root, path), mode)
    },
    bootId: async () => (await self.must('cat', '/proc/sys/kernel/random/boot_id')).trim(),
    events,
    boots: () => events().filter(({ event }) => event === 'boot' || event === 'power-on')
      .map(({ at, boot_id, cause }) => ({ at, boot_id, kernel: '', cause: String(cause) as BootRecord['cause'] })),
    reboots: () => rebootTimes(events()),
    brokenPackages: () => readFileSync(join(machine.root, 'var/lib/dpkg/status'), 'utf8').split('\n\n')
      .filter((entry) => /^Status: /m.test(entry) && !/^Status: \S+ ok (?:installed|config-files)$/m.test(entry)).flatMap((entry) => /^Package: (\S+)/m.exec(entry)?.[1] ?? []),
    async installed() {
      const text = await self.must('dpkg-query', '-W', '-f=${Package}\\t${Version}\\n')
      return new Map(text.split('\n').filter((line) => line !== '').map((line) => line.split('\t') as [string, string]))
    },
    fault: (name, faultOptions) => {
      const { times = 1, ...rest } = { ...faultOptions } as { times?: number | 'always' }
      putFault(machine.root, name, rest as FaultOptions[typeof name], times)
    },
    hangInBoot() {
      let release = (): void => undefined
      hang = new Promise<void>((resolve) => { release = resolve })
      return () => {
        hang = undefined
        release()
      }
    },
    loseDataDisk() { hasDataDisk = false },
    async waitFor(what, holds, timeoutMs = 90_000) {
      const until = Date.now() + timeoutMs
      while (!await holds()) {
        if (Date.now() > until) throw inVain(`${node}: no ${what} within ${timeoutMs} ms`, await self.lastWords())
        await new Promise((resolve) => { setTimeout(resolve, 50) })
      }
    },
    async lastWords() {
      const record = events().slice(-12).map(({ at, event }) => `${at} ${event}`).join('\n')
      return [said(`${node}: its record`, record), await lastWords(machine), ...options.secondOpinion === undefined ? [] : [await options.secondOpinion()]].join('\n')
    },
    async dispose() {
      await machine.dispose()
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return self
}

/** Ordered = an order of the agent had asked for a reboot that no earlier boot has answered. */
function causeOf(root: string, downSince: string | undefined): BootRecord['cause'] {
  if (downSince === undefined) return 'power-on'
  const orders = join(root, 'var/lib/pitstop-agent/orders')
  if (!existsSync(orders)) return 'spontaneous'
  const asked = readdirSync(orders).some((id) => {
    const [mark, boots] = ['mark.json', 'boots.json'].map((name) => join(orders, id, name)) as [string, string]
    return existsSync(mark) && !existsSync(boots) && (JSON.parse(readFileSync(mark, 'utf8')) as { rebootRequestedAtMs: number }).rebootRequestedAtMs > 0
  })
  return asked ? 'ordered' : 'spontaneous'
}

function writeGitaly(root: string, { node, gitaly = {} }: LabHostOptions, address: string): void {
  const settings = {
    listen: `${address}:${gitalyPort}`, metrics: '127.0.0.1:9236', storages: [{ name: node, path: `/var/opt/gitlab/git-data/${node}` }],
    startMs: gitaly.startMs ?? 0, release: '18.5.1', wrapper: gitaly.wrapper ?? true, logLevel: gitaly.logLevel ?? 'info', gracefulMs: 60_000
  }
  writeFileSync(join(root, 'etc/hostname'), `${node}\n`)
  writeFileSync(join(root, 'etc/hosts'), `127.0.0.1 localhost\n${address} ${node}\n`)
  writeFileSync(join(root, 'etc/machine.json'), JSON.stringify({ gitaly: settings }))
  writeFileSync(join(root, 'var/opt/gitlab/gitaly/config.toml'), [`listen_addr = "${settings.listen}"`, `prometheus_listen_addr = "${settings.metrics}"`, 'bin_dir = "/opt/gitlab/embedded/bin"',
    '[logging]', 'format = "json"', '[[storage]]', `name = "${node}"`, `path = "/var/opt/gitlab/git-data/${node}"`, '[gitlab]', 'url = "http://127.0.0.1:1"', 'secret = "lab"', ''].join('\n'))
}

function writeAgent(root: string, { node, fleet, tls, coordinator, gitaly = {}, configuration = {}, unitSettings = [] }: LabHostOptions, address: string): void {
  const folder = join(root, 'etc/pitstop')
  mkdirSync(join(folder, 'tls'), { recursive: true, mode: 0o700 })
  for (const [name, from] of Object.entries(tls)) cpSync(from as string, join(folder, 'tls', `${name}.pem`))
  const settings: Record<string, unknown> = {
    fleet, node, listen: `${address}:${agentPort}`, coordinators: [coordinator],
    tls: { certificate: '/etc/pitstop/tls/certificate.pem', key: '/etc/pitstop/tls/key.pem', authority: '/etc/pitstop/tls/authority.pem' },
    gitaly: { 'service-manager': gitaly.manager ?? 'gitlab-ctl', 'address': `${address}:${gitalyPort}`, 'start-deadline': '20s', 'stop-deadline': '10s' },
    apt: { 'lock-timeout': '20s', 'minimum-free-bytes': 67_108_864 }
  }
  for (const [key, value] of Object.entries(configuration)) settings[key] = typeof value === 'object' ? { ...settings[key] as object | undefined, ...value } : value
  writeFileSync(join(folder, 'agent.yml'), stringify(settings), { mode: 0o600 })
  if (unitSettings.length > 0) {
    mkdirSync(join(root, 'etc/systemd/system/pitstop-agent.service.d'), { recursive: true })
    writeFileSync(join(root, 'etc/systemd/system/pitstop-agent.service.d/lab.conf'), `[Service]\n${unitSettings.join('\n')}\n`)
  }
}
