// Everything of an installation but its Gitaly hosts: certificates, a GitLab stand-in, an inventory, and a coordinator
// (or several) as processes of their own. Stand-in hosts (local-fleet) and the lab's real ones stand on it; it ends with its maker.
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { initAuthority, issueToFile, requestCertificate } from '@pitstop/coordinator/pki/pki-files'
import { type GitLabStandIn, createGitLab } from '../stand-ins/gitlab/gitlab.ts'
import { freePorts } from '../stand-ins/host/free-ports.ts'

export interface InstallationOptions {
  readonly fleet: string
  /** Node names; each owns the storage of its name. */
  readonly nodes: readonly string[]
  /** Where the coordinator listens for agents. */
  readonly address: string
  /** The coordinator's `policy:` section. */
  readonly policy?: Readonly<Record<string, unknown>>
  /** Several coordinators: the store of each, as each of them reaches it. Without it one coordinator with an SQLite file. */
  readonly stores?: readonly string[]
  /** Further keys of the coordinators' configuration. */
  readonly coordinator?: Readonly<Record<string, unknown>>
}

export interface NodeAddresses {
  readonly node: string
  /** host:port each */
  readonly agentAddress: string
  readonly gitalyAddress: string
}

export interface TlsFiles { readonly certificate: string, readonly key: string, readonly authority: string }

export interface CommandEnd { readonly exit: number, readonly stdout: string, readonly stderr: string }

export interface Installation {
  readonly folder: string
  readonly fleet: string
  readonly gitlab: GitLabStandIn
  readonly configuration: string
  readonly socket: string
  readonly breakGlass: string
  readonly logFile: string
  /** host:port where agents report. */
  readonly agentsAddress: string
  readonly coordinators: readonly CoordinatorPlace[]
  issue(role: 'agent' | 'coordinator', name: string): Promise<TlsFiles>
  /** Writes inventory and configuration; before the first start. */
  configure(nodes: readonly NodeAddresses[]): Promise<void>
  /** Starts the coordinator process; resolves when it acts, or with `standby` also when it stands by. */
  startCoordinator(index?: number, until?: 'acts' | 'standby'): Promise<void>
  /** Resolves when the process is gone. */
  killCoordinator(signal?: NodeJS.Signals, index?: number): Promise<void>
  readonly coordinatorPid: (index?: number) => number | undefined
  /** Runs `pitstop …` against this coordinator, or against another one; with `inherit` on this terminal. */
  pitstop(args: readonly string[], options?: { readonly inherit?: boolean, readonly coordinator?: number }): Promise<CommandEnd>
  /** Ends coordinators, commands and GitLab; the hosts are their maker's. */
  close(options?: { readonly keepFolder?: boolean }): Promise<void>
}

/** What one coordinator has for itself. The first one's stand in the installation too. */
export interface CoordinatorPlace {
  readonly configuration: string
  readonly socket: string
  readonly breakGlass: string
  readonly logFile: string
  readonly store: string
  readonly agentsAddress: string
}

const program = new URL('../../coordinator/bin/pitstop', import.meta.url).pathname

export async function createInstallation(options: InstallationOptions): Promise<Installation> {
  const { fleet, nodes, address } = options
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-'))
  const authority = { key: join(folder, 'pki/authority.key'), certificate: join(folder, 'pki/authority.pem') }
  mkdirSync(join(folder, 'pki'), { mode: 0o700 })
  await initAuthority(authority, fleet, Date.now())
  const coordinators: CoordinatorPlace[] = []
  for (const [index, store] of (options.stores ?? [join(folder, 'coordinator.db')]).entries()) {
    // Each as on a machine of its own: what lies beside the break-glass file is nobody else's.
    const base = index === 0 ? folder : join(folder, `coordinator-${index + 1}`)
    mkdirSync(base, { recursive: true })
    coordinators.push({
      configuration: join(base, 'coordinator.yml'), socket: join(base, 'coordinator.sock'), breakGlass: join(base, 'break-glass.txt'),
      logFile: join(base, 'coordinator.log'), store, agentsAddress: `${address}:${(await freePorts(address, [undefined])).join('')}`
    })
  }
  const [first] = coordinators
  if (first === undefined) throw new RangeError('an installation has a coordinator')

  const gitlab = createGitLab({
    storages: ['default', 'nfs-file90', ...nodes],
    weights: { default: 50, 'nfs-file90': 50, ...Object.fromEntries(nodes.map((name, index) => [name, index === 2 ? 0 : 100 - 5 * index])) },
    tokens: [{ name: 'pitstop', value: 'glpat-demo-token', user: { id: 1, username: 'pitstop-bot', admin: true }, scopes: ['api', 'admin_mode'], expiresAt: null }],
    schedule: { id: 319, project: { id: 7, path: 'gl-infra/gitaly-shard-weights-assigner' }, ownerId: 1, description: 'assign weights', hour: 3, active: true, variables: [] },
    logFile: join(folder, 'gitlab.log')
  })
  const url = await gitlab.listen()
  writeFileSync(join(folder, 'gitlab-token'), 'glpat-demo-token\n', { mode: 0o600 })

  const processes = new Map<number, ChildProcess>()
  const place = (index: number): CoordinatorPlace => coordinators[index] ?? first
  const commands = new Set<ChildProcess>()

  const self: Installation = {
    ...first, folder, fleet, gitlab, coordinators,
    coordinatorPid: (index = 0) => processes.get(index)?.pid,

    async issue(role, name) {
      const base = join(folder, 'pki', name)
      await requestCertificate({ key: `${base}.key`, request: `${base}.csr` }, { fleet, role, name })
      await issueToFile({ ...authority, request: `${base}.csr`, output: `${base}.pem` }, { role, name }, Date.now())
      return { certificate: `${base}.pem`, key: `${base}.key`, authority: authority.certificate }
    },

    async configure(hosts) {
      const inventory = join(folder, 'nodes.yml')
      writeFileSync(inventory, stringify({ nodes: hosts.map((host, index) => ({ node: host.node, address: host.agentAddress, gitaly: host.gitalyAddress, storages: [host.node], zone: `zone-${'abc'[index % 3] ?? 'a'}` })) }))
      const token = { 'token-file': join(folder, 'gitlab-token') }
      const tls = await self.issue('coordinator', 'coordinator.demo.internal')
      const { gitlab: gitlabKeys = {}, ...keys } = { ...options.coordinator }
      for (const { configuration, socket, breakGlass, store, agentsAddress } of coordinators) writeFileSync(configuration, stringify({
        fleet, store, address: agentsAddress, listen: { socket, agents: agentsAddress }, tls, 'break-glass': breakGlass,
        gitlab: { url, ...token, 'request-timeout': '3s', 'lands-within': '2s', assigner: { url, project: 'gl-infra/gitaly-shard-weights-assigner', schedule: 319, ...token }, ...gitlabKeys as object },
        inventory: { file: inventory }, policy: options.policy ?? {}, ...keys
      }))
    },

    async startCoordinator(index = 0, until = 'acts') {
      const { configuration, logFile } = place(index)
      const child = spawn(program, ['coordinator', '--config', configuration], { stdio: ['ignore', 'ignore', 'pipe'], env: environment() })
      processes.set(index, child)
      const log = createWriteStream(logFile, { flags: 'a' })
      let said = ''
      await new Promise<void>((resolve, reject) => {
        child.stderr.on('data', (chunk: Buffer) => {
          log.write(chunk)
          if (said.length < 20_000) said += chunk.toString()
          if (/acting with epoch/.test(said) || (until === 'standby' && /standing by/.test(said))) resolve()
        })
        child.once('exit', (code, signal) => { reject(new Error(`the coordinator ended (${signal ?? code}) before it acted:\n${said}`)) })
        child.once('error', reject)
      })
    },

    async killCoordinator(signal = 'SIGTERM', index = 0) {
      const child = processes.get(index)
      processes.delete(index)
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      // One that a test has stopped hears nothing else.
      child.kill('SIGCONT')
      await once(child, 'exit')
    },

    pitstop: (args, { inherit = false, coordinator = 0 } = {}) => new Promise((resolve, reject) => {
      const { configuration, socket } = place(coordinator)
      const child = spawn(program, ['--config', configuration, '--socket', socket, ...args], { stdio: inherit ? 'inherit' : ['ignore', 'pipe', 'pipe'], env: environment() })
      commands.add(child)
      let stdout = ''
      let stderr = ''
      child.stdout?.on('data', (chunk: Buffer) => { stdout += chunk.toString() })
      child.stderr?.on('data', (chunk: Buffer) => { stderr += chunk.toString() })
      child.once('error', reject)
      child.once('close', (code) => {
        commands.delete(child)
        resolve({ exit: code ?? 1, stdout, stderr })
      })
    }),

    async close({ keepFolder = false } = {}) {
      for (const child of commands) child.kill('SIGTERM')
      for (const index of processes.keys()) await self.killCoordinator('SIGTERM', index)
      await gitlab.close()
      if (!keepFolder) rmSync(folder, { recursive: true, force: true })
    }
  }
  return self
}

/** A test runner's loader must not reach foreign Node programs. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _loader, ...rest } = process.env
  return rest
}
