// Two or three real coordinators on one real PostgreSQL, with stand-in hosts and GitLab: who acts, how long a take-over
// takes by the hosts' own records, and that a window ended as if nothing had happened.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { LocalFleet } from '../demo/local-fleet.ts'
import { type DatabaseClock, databaseClock } from '../postgres/database-clock.ts'
import { type PostgresServer, type ServerOptions, startPostgres } from '../postgres/postgres-server.ts'
import { type SilentNetwork, silentNetwork } from '../postgres/silent-network.ts'
import { checkHistory } from '../world/check-history.ts'
import { fleetEvidence } from './fleet-evidence.ts'
import { fleetReady, quickPolicy, view } from './open-window.ts'

/** Short, so that tests are; a GitLab request is at most half of it. */
export const ttlMs = 2000

export interface Readiness { readonly status: number, readonly state: string, readonly code?: string, readonly text?: string, readonly lease: { readonly holder: string, readonly address: string, readonly epoch: number, readonly leftMs: number } | null }

export interface Several extends AsyncDisposable {
  readonly fleet: LocalFleet
  readonly server: PostgresServer
  /** The database as it is reached without a network in between. */
  readonly store: string
  /** Between each coordinator and the database. */
  readonly networks: readonly SilentNetwork[]
  readonly before: Readonly<Record<string, number>>
  /** The database's, if it was asked for. */
  readonly clock: DatabaseClock | null
  ready(coordinator: number): Promise<Readiness>
  /** Resolves when this one acts. */
  untilActing(coordinator: number): Promise<void>
  /** Resolves with the one that acts. */
  untilOneActs(): Promise<number>
  /** Highest epoch that any agent has kept, and when the first of them did. */
  newestEpoch(): { readonly epoch: number, readonly at: number }
  /** Ms from `since` (epoch ms) until an agent has kept a newer epoch than `epoch`. */
  untilNewerEpoch(epoch: number, since: number): Promise<number>
  /** What is wrong at the end; none = it ended as if nothing had happened. */
  problems(coordinator: number): Promise<string[]>
}

/** The first one acts, the others stand by. */
export async function severalReady(options: { readonly coordinators: number, readonly nodes: number, readonly policy?: Readonly<Record<string, unknown>>, readonly leaseMs?: number, readonly server?: ServerOptions, readonly ownClock?: boolean }): Promise<Several> {
  const server = await startPostgres(options.server)
  const store = await server.createDatabase()
  const clock = options.ownClock === true ? await databaseClock(server, store) : null
  const networks = await Promise.all(Array.from({ length: options.coordinators }, () => silentNetwork(join(server.socketFolder, '.s.PGSQL.5432'))))
  const lease = options.leaseMs ?? ttlMs
  const fleet = await fleetReady({
    nodes: options.nodes, policy: options.policy ?? quickPolicy, stores: networks.map(({ port }) => store.replace(/@[^/]*/, `@127.0.0.1:${port}`)),
    coordinator: { lease: { ttl: `${lease}ms` }, gitlab: { 'request-timeout': `${lease / 2}ms`, 'lands-within': '1s' } }
  })
  for (let index = 1; index < options.coordinators; index++) await fleet.startCoordinator(index, 'standby')
  const epochFile = (root: string): string => join(root, 'var/lib/pitstop-agent/epoch.json')

  const self: Several = {
    fleet, server, store, networks, clock, before: fleet.gitlab.world.weights(),
    ready: (coordinator) => ask(fleet.coordinators[coordinator]?.socket ?? ''),
    async untilActing(coordinator) {
      await until(`coordinator ${coordinator} acting`, async () => (await self.ready(coordinator).catch(() => null))?.status === 200)
    },
    async untilOneActs() {
      let acting = -1
      await until('one of them acting', async () => {
        const states = await Promise.all(networks.map((_, index) => self.ready(index).catch(() => null)))
        acting = states.findIndex((state) => state?.status === 200)
        return acting >= 0
      })
      return acting
    },
    newestEpoch() {
      const kept = fleet.hosts.map(({ root }) => epochFile(root)).filter((path) => existsSync(path))
        .map((path) => ({ epoch: (JSON.parse(readFileSync(path, 'utf8')) as { epoch: number }).epoch, at: statSync(path).mtimeMs }))
      const epoch = Math.max(0, ...kept.map((each) => each.epoch))
      return { epoch, at: Math.min(...kept.filter((each) => each.epoch === epoch).map(({ at }) => at)) }
    },
    async untilNewerEpoch(epoch, since) {
      await until(`an agent hears of an epoch above ${epoch}`, () => Promise.resolve(self.newestEpoch().epoch > epoch))
      return Math.round(self.newestEpoch().at - since)
    },
    async problems(coordinator) {
      const watched = await fleet.pitstop(['window', 'watch'], { coordinator })
      const { nodes, phase } = await view({ pitstop: (args) => fleet.pitstop(args, { coordinator }) })
      const weights = fleet.gitlab.world.weights()
      return [
        ...watched.exit === 0 ? [] : [`the watch ended with ${watched.exit}: ${watched.stdout.slice(-2000)}${watched.stderr}`],
        ...phase === 'closed' ? [] : [`the window is ${phase}`],
        ...nodes.filter((node) => node.phase !== 'done').map(({ node, phase: at }) => `${node} is ${at}`),
        ...fleet.hosts.filter((host) => host.reboots().length !== 1).map((host) => `${host.node} was rebooted ${host.reboots().length} times`),
        ...JSON.stringify(weights) === JSON.stringify(self.before) ? [] : [`weights are ${JSON.stringify(weights)}`],
        ...fleet.gitlab.world.schedule?.active === true ? [] : ['the assigner is off'],
        ...checkHistory(await fleetEvidence(fleet, self.before, store))
      ]
    },
    async [Symbol.asyncDispose]() {
      for (const network of networks) network.heal()
      await fleet.close()
      await Promise.all(networks.map((network) => network.close()))
      await server.close()
    }
  }
  return self
}

async function until(what: string, holds: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; !await holds(); await pause(10)) if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
}

const ask = (socketPath: string): Promise<Readiness> => new Promise((resolve, reject) => {
  const asked = request({ socketPath, path: '/readyz' }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
    response.on('end', () => { resolve({ status: response.statusCode ?? 0, ...JSON.parse(text) as Omit<Readiness, 'status'> }) })
  })
  asked.on('error', reject)
  asked.end()
})
