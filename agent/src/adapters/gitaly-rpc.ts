// Asks Gitaly itself: grpc.health.v1 (Check, Watch) and gitaly.ServerService/ServerInfo. Every call has a deadline; the
// watch reconnects quickly by itself, because the end of the outage is noticed here. Read-only towards Gitaly
// (ServerInfo lets Gitaly write and delete its own test file).
import { statSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { gitalyChannel, GitalyServerService, type GitalyServerServiceClient, type HealthClient, HealthService, systemAuthorities } from '@pitstop/proto'
import { asFault, chain, Fault } from '@pitstop/shared/fault'
import { type GitalyAddress, gitalyAddressForms, parseGitalyAddress } from '@pitstop/shared/gitaly-address'
import { gitalyTrouble } from '@pitstop/shared/gitaly-trouble'
import type { GitalyAnswer, NoAnswer } from '../domain/gitaly-answer.ts'
import type { Clock, Gitaly, GitalyFacts, HostSettings } from '../ports.ts'
import { tokenFromFile } from './gitaly-token.ts'
import { watchGitaly } from './gitaly-watch.ts'

const callDeadlineMs = 5000

/** Connecting to loopback costs next to nothing; a long back-off would cost outage. */
const channelOptions: grpc.ClientOptions = {
  'grpc.initial_reconnect_backoff_ms': 20,
  'grpc.min_reconnect_backoff_ms': 20,
  'grpc.max_reconnect_backoff_ms': 50,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  // A connection closed for idleness would look like Gitaly going away.
  'grpc.client_idle_timeout_ms': 2_147_483_647,
  'grpc.service_config_disable_resolution': 1
}

interface Connection {
  readonly health: HealthClient
  readonly server: GitalyServerServiceClient
  /** When the file of authorities was last changed; 0 = none is used. */
  readonly authorityChangedMs: number
}

export type GitalySettings = Pick<HostSettings['gitaly'], 'address' | 'authority' | 'serverName' | 'tokenFile' | 'healthIntervalMs'>

export function gitalyRpc(settings: GitalySettings, clock: Clock): Gitaly {
  const authority = settings.authority ?? systemAuthorities
  let open: Connection | undefined

  /** Made at the first use: an agent with a wrong setting still answers, and says what is wrong. */
  const connection = (): Connection => {
    open ??= connect(settings)
    return open
  }
  /** The authorities were replaced since: the next call believes the new ones. */
  const renew = (): void => {
    if (open === undefined || open.authorityChangedMs === changedMs(authority)) return
    open.health.close()
    open = undefined
  }
  const metadata = (options?: grpc.MetadataOptions): grpc.Metadata => {
    const result = new grpc.Metadata(options)
    if (settings.tokenFile !== undefined) result.set('authorization', tokenFromFile(settings.tokenFile, clock.now()))
    return result
  }
  const explain = (error: grpc.ServiceError): NoAnswer => {
    const { kind, text } = gitalyTrouble(grpc.status[error.code] ?? String(error.code), error.details, {
      address: settings.address, serverName: settings.serverName ?? addressOf(settings).host, authority, keys: { authority: 'gitaly.authority', serverName: 'gitaly.server-name' }
    })
    if (kind === 'certificate') renew()
    if (kind === 'refused' && settings.tokenFile === undefined) return { unknown: `Gitaly asks for a token and there is none (${text}): put its secret into a file and name that in gitaly.token-file`, trouble: 'token' }
    return { unknown: text, ...kind === 'silent' ? {} : { trouble: kind } }
  }
  const call = <T>(start: (open: Connection, metadata: grpc.Metadata, options: { deadline: number }, done: (error: grpc.ServiceError | null, value?: T) => void) => void): Promise<GitalyAnswer<T>> => new Promise((resolve) => {
    try {
      start(connection(), metadata(), { deadline: Date.now() + callDeadlineMs }, (error, value) => {
        if (error !== null) resolve(explain(error))
        else resolve(value === undefined ? { unknown: 'no answer' } : { value })
      })
    } catch (error) {
      const fault = asFault(error)
      resolve({ unknown: chain(fault), ...fault.code === 'GITALY_TOKEN' ? { trouble: 'token' } : fault.code === 'GITALY_CERTIFICATE' ? { trouble: 'certificate' } : {} })
    }
  })
  const check = (): Promise<GitalyAnswer<string>> => call<string>(({ health }, data, options, done) => {
    health.check({ service: '' }, data, options, (error, answer) => done(error, answer?.status))
  })

  return {
    check,
    serverInfo: () => call<GitalyFacts>(({ server }, data, options, done) => {
      server.serverInfo({}, data, options, (error, answer) => done(error, answer && {
        version: answer.server_version,
        storages: answer.storage_statuses.map((storage) => ({
          name: storage.storage_name,
          readable: storage.readable,
          writeable: storage.writeable,
          filesystemId: storage.filesystem_id
        }))
      }))
    }),
    watch: (onStatus) => watchGitaly({ health: () => connection().health, metadata, check, intervalMs: settings.healthIntervalMs, failed: explain }, onStatus),
    close: () => { open?.health.close() }
  }
}

function connect(settings: GitalySettings): Connection {
  const address = addressOf(settings)
  let channel: ReturnType<typeof gitalyChannel>
  try { channel = gitalyChannel(address, settings) } catch (error) {
    throw new Fault('GITALY_CERTIFICATE', `the authorities for Gitaly's certificate (${settings.authority ?? systemAuthorities}) cannot be used`, { cause: error, hint: 'name a file with PEM certificates in gitaly.authority, or install ca-certificates' })
  }
  const { target, credentials, options } = channel
  const health = new HealthService(target, credentials, { ...channelOptions, ...options })
  // One channel for both: a second one could still be backing off when the first has found Gitaly.
  const server = new GitalyServerService(target, credentials, { channelOverride: health.getChannel() })
  return { health, server, authorityChangedMs: address.scheme === 'tls' ? changedMs(settings.authority ?? systemAuthorities) : 0 }
}

function addressOf({ address }: Pick<GitalySettings, 'address'>): GitalyAddress {
  const parsed = parseGitalyAddress(address)
  if (parsed === undefined) throw new Fault('INVALID_CONFIGURATION', `gitaly.address ${JSON.stringify(address)} ${gitalyAddressForms}`)
  return parsed
}

function changedMs(file: string): number {
  try { return statSync(file).mtimeMs } catch { return 0 }
}
