// The moment Gitaly serves, and the moment it goes away. Must never have a stream open while Gitaly serves: it would count
// as a running call and hold Gitaly's graceful stop until its grace period ends, a minute of outage made by ourselves. So
// a stream is opened only to be answered once; from then on the connection's own state tells when Gitaly goes.
import * as grpc from '@grpc/grpc-js'
import type { HealthClient } from '@pitstop/proto'
import type { GitalyAnswer } from '../domain/gitaly-answer.ts'

/** The longest that a stream may wait for a Gitaly that does not answer. */
const streamMs = 5000
/** A lost connection is tried anew at once: what comes back next is the end of the outage. */
const lostMs = 20
/** Whoever is refused asks seldom: each refusal is a line in Gitaly's log. */
const refusedMs = 1000

export interface WatchParts {
  readonly health: () => HealthClient
  readonly metadata: (options: grpc.MetadataOptions) => grpc.Metadata
  /** For a Gitaly that has no Watch. */
  readonly check: () => Promise<GitalyAnswer<string>>
  readonly intervalMs: number
  /** Told of each error. */
  readonly failed: (error: grpc.ServiceError) => unknown
}

/** @returns what ends it. */
export function watchGitaly(parts: WatchParts, onStatus: (status: string | undefined) => void): () => void {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let stream: grpc.ClientReadableStream<{ status: string }> | undefined
  const again = (pauseMs: number): void => {
    if (closed) return
    clearTimeout(timer)
    timer = setTimeout(ask, pauseMs)
  }
  const answered = (status: string, channel: grpc.Channel): void => {
    if (closed) return
    onStatus(status)
    if (status === 'SERVING') untilGone(channel)
    else again(parts.intervalMs)
  }
  const untilGone = (channel: grpc.Channel): void => {
    if (closed) return
    try {
      if (channel.getConnectivityState(false) === grpc.connectivityState.READY) {
        channel.watchConnectivityState(grpc.connectivityState.READY, Number.POSITIVE_INFINITY, () => { untilGone(channel) })
        return
      }
    } catch { /* the channel was closed: nobody is there on it */ }
    onStatus(undefined)
    again(0)
  }
  const ask = (): void => {
    if (closed) return
    let settled = false
    const settle = (next: () => void): void => {
      if (settled) return
      settled = true
      if (!closed) next()
    }
    let call: grpc.ClientReadableStream<{ status: string }>
    let channel: grpc.Channel
    try {
      const health = parts.health()
      channel = health.getChannel() as grpc.Channel
      // Waits in the channel until Gitaly listens: its connection attempts every 20-50 ms are our clock.
      call = health.watch({ service: '' }, parts.metadata({ waitForReady: true }), { deadline: Date.now() + streamMs })
    } catch { again(refusedMs); return }
    stream = call
    call.on('data', ({ status }: { status: string }) => settle(() => {
      call.cancel()
      answered(status, channel)
    }))
    call.on('error', (error: grpc.ServiceError) => settle(() => {
      if (error.code === grpc.status.UNIMPLEMENTED) { void checkOnce(channel); return }
      parts.failed(error)
      again(pauseAfter(error.code))
    }))
    call.on('end', () => settle(() => again(lostMs)))
  }
  /** Gitaly has Watch; something that stands in for it may only have Check. */
  const checkOnce = async (channel: grpc.Channel): Promise<void> => {
    const answer = await parts.check()
    if ('value' in answer) answered(answer.value, channel)
    else again(parts.intervalMs)
  }
  ask()
  return () => {
    closed = true
    clearTimeout(timer)
    stream?.cancel()
  }
}

function pauseAfter(code: grpc.status): number {
  switch (code) {
    case grpc.status.DEADLINE_EXCEEDED: return 0
    case grpc.status.UNAUTHENTICATED: case grpc.status.PERMISSION_DENIED: return refusedMs
    default: return lostMs
  }
}
