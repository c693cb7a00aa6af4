// One coordinator process, put together from its settings: checks first, then store, peers, listeners, and only then
// the lease. Everything opened is on a list of releasers and is closed in the opposite order, also when starting fails.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { asFault } from '@pitstop/shared/fault'
import { release as version } from '@pitstop/shared/release'
import { createAlerts } from './adapters/alerts/alertmanager.ts'
import { createAgents } from './adapters/agents/agents.ts'
import { breakGlassFile, refuseForeignGlass } from './adapters/break-glass-file.ts'
import { peerProblems, refuseUnusable } from './adapters/file-contents.ts'
import { createGitLab } from './adapters/gitlab/gitlab.ts'
import { tokenWarnings } from './adapters/gitlab/token.ts'
import { createInventory } from './adapters/inventory/inventory.ts'
import { certificateProblems } from './adapters/own-certificate.ts'
import { serveReadiness } from './adapters/readiness/serve-readiness.ts'
import { openStore, storeDeadlineMs } from './adapters/store/open-store.ts'
import { isPostgres, parsePostgresUrl, postgresTls } from './adapters/store/postgres-address.ts'
import { refuseForeignStore } from './adapters/store/store-owner.ts'
import { storeMemoryFile } from './adapters/store-memory-file.ts'
import { systemClock } from './adapters/system-clock.ts'
import type { Settings } from './config.ts'
import { Coordinator } from './engine/coordinator.ts'
import { buildApi } from './http/api.ts'
import { isLoopback, listenSocket, listenTcp, readPair, requireSocketFolder, splitHostPort } from './http/listen.ts'
import type { ApiSettings } from './http/ports.ts'

export type Log = (level: 'info' | 'warn' | 'error', text: string, facts?: Record<string, unknown>) => void

export interface RunningCoordinator {
  /** Base URL of the HTTP API with the port that was bound; null = the socket alone. */
  readonly http: string | null
  readonly socket: string
  readonly agentsPort: number
  /** Ends effects under way or leaves them to the next start, gives the lease back, closes everything. Once; later calls wait for the first. */
  stop(): Promise<void>
}

/** What is under way may end by itself for so long; then calls to agents are cut, which the next start settles. */
const graceMs = 3000

/** @throws Fault PERMISSION_DENIED, CERTIFICATE_INVALID, STORE_*, INVALID_CONFIGURATION (a port or socket is taken) */
export async function runCoordinator(settings: Settings, { log }: { readonly log: Log }): Promise<RunningCoordinator> {
  const releasers: (() => Promise<void>)[] = []
  const release = async (): Promise<void> => {
    for (const each of releasers.splice(0).reverse()) await each().catch((error: unknown) => { log('warn', `while stopping: ${asFault(error).message}`) })
  }
  try {
    return await start(settings, log, releasers, release)
  } catch (error) {
    await release()
    throw error
  }
}

async function start(settings: Settings, log: Log, releasers: (() => Promise<void>)[], release: () => Promise<void>): Promise<RunningCoordinator> {
  const { fleet, tls, listen, leaseTtlMs } = settings
  const clock = systemClock
  // Before the store is made: a start that cannot succeed leaves nothing behind.
  if (!isPostgres(settings.store)) refuseForeignStore(settings.store)
  await refuseForeignGlass(settings.breakGlass)
  await refuseUnusable(settings, clock.now())
  for (const warning of [...peerProblems(settings), ...await tokenWarnings(secretFiles(settings))]) log('warn', `${warning.text}; ${warning.hint}`, { code: warning.code })

  requireSocketFolder(listen.socket)
  const store = await openStore(settings.store, fleet, clock.now, { passwordFile: settings.storePasswordFile, deadlineMs: storeDeadlineMs(leaseTtlMs), warn: ({ code, text, hint }) => { log('warn', `${text}; ${hint}`, { code }) } })
  releasers.push(() => store.close())
  const gitlab = createGitLab(settings.gitlab)
  releasers.push(() => gitlab.close())
  const alerts = settings.alerts === undefined ? undefined : createAlerts(settings.alerts)
  if (alerts !== undefined) releasers.push(() => alerts.close())
  const agents = createAgents({ fleet, tls, gitalyTokenFile: settings.gitalyTokenFile, gitalyAuthority: settings.gitalyAuthority })
  const inventory = createInventory(settings.inventory)
  const { assigner } = settings.gitlab
  const coordinator = new Coordinator({
    fleet, store, gitlab, agents, alerts, inventory, clock, log,
    lease: { holder: `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`, address: settings.address, api: publicUrl(settings), ttlMs: leaseTtlMs },
    recollection: storeMemoryFile(settings.breakGlass, fleet, (text) => { log('warn', text) }), release: version,
    byHand: { gitlab: settings.gitlab.url, assigner: assigner === undefined ? null : { url: assigner.url, project: assigner.project, schedule: assigner.schedule } },
    writeBreakGlass: breakGlassFile(settings.breakGlass),
    checkOwnCertificate: (until) => certificateProblems(settings, clock.now(), until),
    dependsOn: dependencies(settings),
    landsWithinMs: settings.gitlab.landsWithinMs
  })
  releasers.push(async () => {
    const stopped = coordinator.stop()
    await endOrGrace(stopped)
    agents.close()
    await stopped
  })

  const common: Omit<ApiSettings, 'access' | 'tls'> = { fleet, version, policy: settings.policy, hasAssigner: assigner !== undefined, breakGlass: settings.breakGlass, inventory, now: () => clock.now(), log }
  const local = await buildApi(coordinator, { ...common, access: { kind: 'local' } })
  releasers.push(() => local.close())
  await listenSocket(local, listen.socket)
  const http = listen.http === null ? null : await serveTcp(listen.http)
  const readiness = await serveReadiness({ listen: listen.agents, tls, fleet, coordinator })
  releasers.push(() => readiness.close())
  log('info', `listening: ${http ?? 'no HTTP over TCP'}, ${listen.socket}, agents on port ${readiness.port}`, { version })
  await coordinator.start()

  async function serveTcp(at: string): Promise<string> {
    const pair = isLoopback(splitHostPort(at).host) ? undefined : tls
    const remote = await buildApi(coordinator, { ...common, access: { kind: 'tokens', tokens: settings.tokens }, tls: pair === undefined ? undefined : readPair(pair) })
    releasers.push(() => remote.close())
    return await listenTcp(remote, at, pair)
  }

  let stopping: Promise<void> | undefined
  return { http, socket: listen.socket, agentsPort: readiness.port, stop: () => stopping ??= release() }
}

async function endOrGrace(ended: Promise<void>): Promise<void> {
  let cancel = (): void => undefined
  await Promise.race([ended, new Promise<void>((resolve) => { cancel = systemClock.after(graceMs, resolve) })])
  cancel()
}

const secretFiles = ({ gitlab, alerts, tokens, gitalyTokenFile, store, storePasswordFile, tls }: Settings): { readonly file: string }[] => [
  ...[gitlab.token, ...gitlab.assigner === undefined ? [] : [gitlab.assigner.token]].flatMap((token) => ('file' in token ? [token] : [])), ...alerts?.token === undefined ? [] : [alerts.token],
  ...tokens.flatMap(({ secret }) => ('file' in secret ? [secret] : [])),
  ...[gitalyTokenFile, storePasswordFile, postgresTls(store)?.key].flatMap((file) => (file === undefined ? [] : [{ file }])), { file: tls.key }
]

/** Where operators elsewhere reach this coordinator; empty = nowhere. */
function publicUrl({ address, listen }: Settings): string {
  if (listen.http === null) return ''
  const { host, port } = splitHostPort(listen.http)
  return isLoopback(host) ? '' : `https://${address.slice(0, address.lastIndexOf(':'))}:${port}`
}

/** Hosts that pitstop itself needs: none of them may be in a plan. */
const dependencies = ({ address, gitlab, alerts, store }: Settings): string[] =>
  [hostname(), splitHostPort(address).host, ...storeHost(store), ...[gitlab.url, ...gitlab.assigner === undefined ? [] : [gitlab.assigner.url], ...alerts === undefined ? [] : [alerts.url]].map((url) => new URL(url).hostname)]

function storeHost(store: string): string[] {
  const address = isPostgres(store) ? parsePostgresUrl(store) : null
  return address === null || 'problem' in address || address.host.startsWith('/') ? [] : [address.host]
}
