// A whole installation on this machine: stand-in hosts with real agents, a GitLab stand-in, certificates, an inventory
// and a coordinator process. The demo and the tests of the whole use it; it ends with the process that made it.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, createWriteStream } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { stringify } from 'yaml'
import { initAuthority, issueToFile, requestCertificate } from '@pitstop/coordinator/pki/pki-files'
import { type GitLabStandIn, createGitLab } from '../stand-ins/gitlab/gitlab.ts'
import { type Host, type HostOptions, createHost } from '../stand-ins/host/stand-in-host.ts'

export interface FleetOptions {
  readonly nodes: number
  readonly rebootMs?: number
  readonly gitalyStartMs?: number
  readonly aptMs?: number
  /** The coordinator's `policy:` section. */
  readonly policy?: Readonly<Record<string, unknown>>
  readonly host?: (index: number) => Partial<HostOptions>
}

export interface LocalFleet extends AsyncDisposable {
  readonly folder: string
  readonly hosts: readonly Host[]
  readonly gitlab: GitLabStandIn
  readonly configuration: string
  readonly socket: string
  readonly breakGlass: string
  readonly logFile: string
  /** Starts the coordinator process; resolves when it acts. */
  startCoordinator(): Promise<void>
  /** Resolves when the process is gone. */
  killCoordinator(signal?: NodeJS.Signals): Promise<void>
  readonly coordinatorPid: () => number | undefined
  /** Runs `pitstop …` against this fleet; with `inherit` on this terminal. */
  pitstop(args: readonly string[], options?: { readonly inherit?: boolean }): Promise<{ readonly exit: number, readonly stdout: string, readonly stderr: string }>
  close(options?: { readonly keepFolder?: boolean }): Promise<void>
}

const repository = new URL('../../', import.meta.url).pathname
const fleet = 'demo'

export async function startLocalFleet(options: FleetOptions): Promise<LocalFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-'))
  const authority = { key: join(folder, 'pki/authority.key'), certificate: join(folder, 'pki/authority.pem') }
  mkdirSync(join(folder, 'pki'), { mode: 0o700 })
  await initAuthority(authority, fleet, Date.now())
  const [agentsPort = 0] = await freePorts('127.0.0.1', 1)
  const names = Array.from({ length: options.nodes }, (_, index) => `gitaly-${String(index + 1).padStart(2, '0')}.demo.internal`)

  const gitlab = createGitLab({
    storages: ['default', 'nfs-file90', ...names],
    weights: { default: 50, 'nfs-file90': 50, ...Object.fromEntries(names.map((name, index) => [name, index === 2 ? 0 : 100 - 5 * index])) },
    tokens: [{ name: 'pitstop', value: 'glpat-demo-token', user: { id: 1, username: 'pitstop-bot', admin: true }, scopes: ['api', 'admin_mode'], expiresAt: null }],
    schedule: { id: 319, project: { id: 7, path: 'gl-infra/gitaly-shard-weights-assigner' }, ownerId: 1, description: 'assign weights', hour: 3, active: true, variables: [] },
    logFile: join(folder, 'gitlab.log')
  })
  const url = await gitlab.listen()
  writeFileSync(join(folder, 'gitlab-token'), 'glpat-demo-token\n', { mode: 0o600 })

  const hosts: Host[] = []
  for (const [index, node] of names.entries()) {
    hosts.push(await createHost({
      folder: join(folder, 'hosts'), fleet, node, storages: [node], address: `127.0.1.${index + 1}`, tls: await issue('agent', node),
      coordinators: [`127.0.0.1:${agentsPort}`], rebootMs: options.rebootMs ?? 1500, gitalyStartMs: options.gitalyStartMs ?? 300, aptMs: options.aptMs ?? 600,
      // Looking costs processor time, and all hosts share this machine; the soak is exact without it.
      overrides: { configuration: { gitaly: { 'health-interval': '500ms' } } },
      ...options.host?.(index)
    }))
  }
  const inventory = join(folder, 'nodes.yml')
  writeFileSync(inventory, stringify({ nodes: hosts.map((host, index) => ({ node: host.node, address: host.agentAddress, gitaly: host.gitalyAddress, storages: [host.node], zone: `zone-${'abc'[index % 3] ?? 'a'}` })) }))

  const socket = join(folder, 'coordinator.sock')
  const configuration = join(folder, 'coordinator.yml')
  const breakGlass = join(folder, 'break-glass.txt')
  const logFile = join(folder, 'coordinator.log')
  const token = { 'token-file': join(folder, 'gitlab-token') }
  writeFileSync(configuration, stringify({
    fleet, store: join(folder, 'coordinator.db'), address: `127.0.0.1:${agentsPort}`, listen: { socket, agents: `127.0.0.1:${agentsPort}` },
    tls: await issue('coordinator', 'coordinator.demo.internal'), 'break-glass': breakGlass,
    gitlab: { url, ...token, 'request-timeout': '3s', 'lands-within': '2s', assigner: { url, project: 'gl-infra/gitaly-shard-weights-assigner', schedule: 319, ...token } },
    inventory: { file: inventory }, policy: options.policy ?? {}
  }))

  let coordinator: ChildProcess | undefined
  const commands = new Set<ChildProcess>()

  const self: LocalFleet = {
    folder, hosts, gitlab, configuration, socket, breakGlass, logFile,
    coordinatorPid: () => coordinator?.pid,

    async startCoordinator() {
      const child = spawn(join(repository, 'coordinator/bin/pitstop'), ['coordinator', '--config', configuration], { stdio: ['ignore', 'ignore', 'pipe'], env: environment() })
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
      const child = spawn(join(repository, 'coordinator/bin/pitstop'), ['--config', configuration, '--socket', socket, ...args], { stdio: inherit ? 'inherit' : ['ignore', 'pipe', 'pipe'], env: environment() })
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
      await Promise.all(hosts.map((host) => host.powerOff()))
      await gitlab.close()
      if (!keepFolder) rmSync(folder, { recursive: true, force: true })
    },

    [Symbol.asyncDispose]: () => self.close()
  }
  return self

  async function issue(role: 'agent' | 'coordinator', name: string): Promise<{ certificate: string, key: string, authority: string }> {
    const base = join(folder, 'pki', name)
    await requestCertificate({ key: `${base}.key`, request: `${base}.csr` }, { fleet, role, name })
    await issueToFile({ ...authority, request: `${base}.csr`, output: `${base}.pem` }, { role, name }, Date.now())
    return { certificate: `${base}.pem`, key: `${base}.key`, authority: authority.certificate }
  }
}

/** A test runner's loader must not reach foreign Node programs. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _loader, ...rest } = process.env
  return rest
}

async function freePorts(host: string, count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    return server
  }))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve) })))
  return ports
}
