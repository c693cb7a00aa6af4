// Everything of an installation but its Gitaly hosts: certificates, a GitLab stand-in, an inventory, and a coordinator
// as a process of its own. Stand-in hosts (local-fleet) and the lab's real ones stand on it; it ends with its maker.
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { initAuthority, issueToFile, requestCertificate } from '@pitstop/coordinator/pki/pki-files'
import { type GitLabStandIn, createGitLab } from '../stand-ins/gitlab/gitlab.ts'

export interface InstallationOptions {
  readonly fleet: string
  /** Node names; each owns the storage of its name. */
  readonly nodes: readonly string[]
  /** Where the coordinator listens for agents. */
  readonly address: string
  /** The coordinator's `policy:` section. */
  readonly policy?: Readonly<Record<string, unknown>>
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
  issue(role: 'agent' | 'coordinator', name: string): Promise<TlsFiles>
  /** Writes inventory and configuration; before the first start. */
  configure(nodes: readonly NodeAddresses[]): Promise<void>
  /** Starts the coordinator process; resolves when it acts. */
  startCoordinator(): Promise<void>
  /** Resolves when the process is gone. */
  killCoordinator(signal?: NodeJS.Signals): Promise<void>
  readonly coordinatorPid: () => number | undefined
  /** Runs `pitstop …` against this coordinator; with `inherit` on this terminal. */
  pitstop(args: readonly string[], options?: { readonly inherit?: boolean }): Promise<CommandEnd>
  /** Ends coordinator, commands and GitLab; the hosts are their maker's. */
  close(options?: { readonly keepFolder?: boolean }): Promise<void>
}

const program = new URL('../../coordinator/bin/pitstop', import.meta.url).pathname

export async function createInstallation(options: InstallationOptions): Promise<Installation> {
  const { fleet, nodes, address } = options
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-'))
  const authority = { key: join(folder, 'pki/authority.key'), certificate: join(folder, 'pki/authority.pem') }
  mkdirSync(join(folder, 'pki'), { mode: 0o700 })
  await initAuthority(authority, fleet, Date.now())
  const agentsAddress = `${address}:${await freePort(address)}`

  const gitlab = createGitLab({
    storages: ['default', 'nfs-file90', ...nodes],
    weights: { default: 50, 'nfs-file90': 50, ...Object.fromEntries(nodes.map((name, index) => [name, index === 2 ? 0 : 100 - 5 * index])) },
    tokens: [{ name: 'pitstop', value: 'glpat-demo-token', user: { id: 1, username: 'pitstop-bot', admin: true }, scopes: ['api', 'admin_mode'], expiresAt: null }],
    schedule: { id: 319, project: { id: 7, path: 'gl-infra/gitaly-shard-weights-assigner' }, ownerId: 1, description: 'assign weights', hour: 3, active: true, variables: [] },
    logFile: join(folder, 'gitlab.log')
  })
  const url = await gitlab.listen()
  writeFileSync(join(folder, 'gitlab-token'), 'glpat-demo-token\n', { mode: 0o600 })

  const socket = join(folder, 'coordinator.sock')
  const configuration = join(folder, 'coordinator.yml')
  const breakGlass = join(folder, 'break-glass.txt')
  const logFile = join(folder, 'coordinator.log')
  let coordinator: ChildProcess | undefined
  const commands = new Set<ChildProcess>()

  const self: Installation = {
    folder, fleet, gitlab, configuration, socket, breakGlass, logFile, agentsAddress,
    coordinatorPid: () => coordinator?.pid,

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
      writeFileSync(configuration, stringify({
        fleet, store: join(folder, 'coordinator.db'), address: agentsAddress, listen: { socket, agents: agentsAddress },
        tls: await self.issue('coordinator', 'coordinator.demo.internal'), 'break-glass': breakGlass,
        gitlab: { url, ...token, 'request-timeout': '3s', 'lands-within': '2s', assigner: { url, project: 'gl-infra/gitaly-shard-weights-assigner', schedule: 319, ...token } },
        inventory: { file: inventory }, policy: options.policy ?? {}
      }))
    },

    async startCoordinator() {
      const child = spawn(program, ['coordinator', '--config', configuration], { stdio: ['ignore', 'ignore', 'pipe'], env: environment() })
      coordinator = child
      const log = createWriteStream(logFile, { flags: 'a' })
      let said = ''
      await new Promise<void>((resolve, reject) => {
        child.stderr.on('data', (chunk: Buffer) => {
          log.write(chunk)
          if (said.length < 20_000) said += chunk.toString()
          if (/acting with epoch/.test(said)) resolve()
        })
        child.once('exit', (code, signal) => { reject(new Error(`the coordinator ended (${signal ?? code}) before it acted:\n${said}`)) })
        child.once('error', reject)
      })
    },

    async killCoordinator(signal = 'SIGTERM') {
      const child = coordinator
      coordinator = undefined
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      await once(child, 'exit')
    },

    pitstop: (args, { inherit = false } = {}) => new Promise((resolve, reject) => {
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
      await self.killCoordinator()
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

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => { server.close(resolve) })
  return port
}
