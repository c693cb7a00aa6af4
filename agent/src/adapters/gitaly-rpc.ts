// Asks Gitaly itself: grpc.health.v1 (Check, Watch) and gitaly.ServerService/ServerInfo. Every call has a deadline; the
// watch reconnects quickly by itself, because the end of the outage is noticed here. Read-only towards Gitaly
// (ServerInfo lets Gitaly write and delete its own test file).
import * as grpc from '@grpc/grpc-js'
import { GitalyServerService, HealthService } from '@pitstop/proto'
import type { Clock, Gitaly, GitalyFacts, HostSettings } from '../ports.ts'
import type { Known } from '../domain/veto.ts'
import { tokenFromFile } from './gitaly-token.ts'

const callDeadlineMs = 5000
/** The longest that a stream of ours may be open. */
const streamMs = 5000

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

export function gitalyRpc(settings: Pick<HostSettings['gitaly'], 'address' | 'tokenFile' | 'healthIntervalMs'>, clock: Clock): Gitaly {
  const credentials = grpc.credentials.createInsecure()
  const health = new HealthService(settings.address, credentials, channelOptions)
  // One channel for both: a second one could still be backing off when the first has found Gitaly.
  const server = new GitalyServerService(settings.address, credentials, { channelOverride: health.getChannel() })
  const metadata = (options?: grpc.MetadataOptions): grpc.Metadata => {
    const result = new grpc.Metadata(options)
    if (settings.tokenFile !== undefined) result.set('authorization', tokenFromFile(settings.tokenFile, clock.now()))
    return result
  }
  const deadline = (): { deadline: number } => ({ deadline: Date.now() + callDeadlineMs })

  const call = <T>(start: (done: (error: grpc.ServiceError | null, value?: T) => void) => void): Promise<Known<T>> => new Promise((resolve) => {
    try {
      start((error, value) => resolve(value === undefined || error !== null ? { unknown: error === null ? 'no answer' : plainly(error) } : { value }))
    } catch (error) { resolve({ unknown: error instanceof Error ? error.message : String(error) }) }
  })

  /**
   * An open stream would count as a running call and hold Gitaly's graceful stop until its grace period ends: a minute of
   * outage made by ourselves. So a stream is held only until the first SERVING, never longer than a few seconds;
   * from then on the connection's own state tells when Gitaly goes away.
   */
  const watch: Gitaly['watch'] = (onStatus) => {
    let closed = false
    let timer: NodeJS.Timeout | undefined
    let stream: grpc.ClientReadableStream<{ status: string }> | undefined
    const again = (pauseMs: number): void => {
      if (closed) return
      clearTimeout(timer)
      timer = setTimeout(untilServing, pauseMs)
    }
    const untilGone = (): void => {
      const channel = health.getChannel()
      if (closed) return
      if (channel.getConnectivityState(false) !== grpc.connectivityState.READY) { onStatus(undefined); again(0); return }
      channel.watchConnectivityState(grpc.connectivityState.READY, Number.POSITIVE_INFINITY, () => { untilGone() })
    }
    /** Gitaly has Watch; something that stands in for it may only have Check. */
    const askOnce = async (): Promise<void> => {
      const answer = await check()
      if (closed) return
      if ('value' in answer) onStatus(answer.value)
      if ('value' in answer && answer.value === 'SERVING') untilGone()
      else again(settings.healthIntervalMs)
    }
    const untilServing = (): void => {
      if (closed) return
      let settled = false
      const settle = (next: () => void): void => {
        if (settled) return
        settled = true
        if (!closed) next()
      }
      let call: grpc.ClientReadableStream<{ status: string }>
      // Waits in the channel until Gitaly listens: its connection attempts every 20-50 ms are our clock.
      try { call = health.watch({ service: '' }, metadata({ waitForReady: true }), { deadline: Date.now() + streamMs }) } catch { again(settings.healthIntervalMs); return }
      stream = call
      call.on('data', (answer: { status: string }) => {
        if (settled || closed) return
        onStatus(answer.status)
        if (answer.status === 'SERVING') settle(() => { call.cancel(); untilGone() })
      })
      call.on('error', (error: grpc.ServiceError) => settle(() => {
        if (error.code === grpc.status.UNIMPLEMENTED) void askOnce()
        else again(error.code === grpc.status.DEADLINE_EXCEEDED ? 0 : 20)
      }))
      call.on('end', () => settle(() => again(20)))
    }
    untilServing()
    return () => {
      closed = true
      clearTimeout(timer)
      stream?.cancel()
    }
  }
  const check = (): Promise<Known<string>> => call<string>((done) => {
    health.check({ service: '' }, metadata(), deadline(), (error, answer) => done(error, answer?.status))
  })

  return {
    check,
    serverInfo: () => call<GitalyFacts>((done) => {
      server.serverInfo({}, metadata(), deadline(), (error, answer) => done(error, answer && {
        version: answer.server_version,
        storages: answer.storage_statuses.map((storage) => ({
          name: storage.storage_name,
          readable: storage.readable,
          writeable: storage.writeable,
          filesystemId: storage.filesystem_id
        }))
      }))
    }),
    watch,
    close: () => { health.close() }
  }
}

const plainly = (error: grpc.ServiceError): string => `${grpc.status[error.code] ?? error.code}: ${error.details}`
