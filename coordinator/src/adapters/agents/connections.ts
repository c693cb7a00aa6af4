// Connections to hosts that go down and come back. gRPC waits as long as TCP does for a host whose network drops what is
// sent to it, and TCP tries ever more seldom: a host that was down for a minute would be seen half a minute late. So a
// connection is made anew by whoever needs one, and only to a host that answers at this moment.
import { connect, isIP } from 'node:net'
import { connectivityState, type ChannelOptions, type Client } from '@grpc/grpc-js'

/** Ms for a host's network to answer at all. */
const knockMs = 1000
/** Ms for its name to be found; a resolver whose first server is dead takes seconds. */
const nameMs = 5000
/** Ms that a new connection is given to become one. */
const settlingMs = 1000
/** Ms for its handshake, once the host has answered a knock: one that has just booted is busy. */
const handshakeMs = 3000

export const connectionOptions: ChannelOptions = {
  'grpc.enable_retries': 0,
  // Else a new channel would go on with the connection attempt that was just given up.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 250
}

export class Connections<C extends Client> {
  readonly #open = new Map<string, { readonly client: C, readonly since: number }>()
  readonly #knocks = new Map<string, { readonly answered: Promise<void>, readonly giveUp: AbortController }>()

  /**
   * A client that is connected, or can be.
   * @param address host:port
   * @throws Error saying why nobody answers there
   */
  async reach(address: string, create: () => C): Promise<C> {
    if (this.#usable(address) === undefined) await this.#knock(address)
    return this.renew(address, create)
  }

  /** The same for an address whose host is known to be there, or that is none of a network. */
  renew(address: string, create: () => C): C {
    const known = this.#usable(address)
    if (known !== undefined) return known
    this.#open.get(address)?.client.close()
    const client = create()
    this.#open.set(address, { client, since: performance.now() })
    return client
  }

  /** The next call connects anew, and nobody waits for an older attempt any more. */
  drop(address: string): void {
    this.#knocks.get(address)?.giveUp.abort()
    this.#open.get(address)?.client.close()
    this.#open.delete(address)
  }

  close(): void { for (const address of [...this.#open.keys(), ...this.#knocks.keys()]) this.drop(address) }

  #usable(address: string): C | undefined {
    const known = this.#open.get(address)
    if (known === undefined) return undefined
    const state = known.client.getChannel().getConnectivityState(false)
    const patienceMs = state === connectivityState.READY ? Infinity : state === connectivityState.CONNECTING ? handshakeMs : settlingMs
    return performance.now() - known.since < patienceMs ? known.client : undefined
  }

  /** One for all who ask at once. */
  async #knock(address: string): Promise<void> {
    const same = this.#knocks.get(address)
    if (same !== undefined) { await same.answered; return }
    const giveUp = new AbortController()
    const answered = knock(address, giveUp.signal).finally(() => { this.#knocks.delete(address) })
    this.#knocks.set(address, { answered, giveUp })
    await answered
  }
}

/** Opens a connection and closes it. @throws Error */
function knock(address: string, giveUp: AbortSignal): Promise<void> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(address.slice(colon + 1)), signal: giveUp })
    const within = (ms: number, what: string): NodeJS.Timeout => setTimeout(() => { socket.destroy(new Error(`${what} within ${ms} ms`)) }, ms)
    const silence = (): NodeJS.Timeout => within(knockMs, `nothing at ${address} answered`)
    let timer = isIP(host) === 0 ? within(nameMs, `the name ${host} was not found`) : silence()
    // The host is not to blame for the time that its name took.
    socket.once('lookup', () => {
      clearTimeout(timer)
      timer = silence()
    })
    socket.once('connect', () => { resolve(); socket.destroy() })
    socket.once('error', (error) => { reject(giveUp.aborted ? new Error(`the attempt to reach ${address} was given up`) : error) })
    socket.once('close', () => { clearTimeout(timer) })
  })
}
