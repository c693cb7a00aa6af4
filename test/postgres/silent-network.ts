// A network between a coordinator and its database that can go silent: bytes stop, connections stay, as when a cable
// is pulled or a firewall drops. One per coordinator, so that one can be cut off while the others go on.
import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'

export interface SilentNetwork extends AsyncDisposable {
  readonly port: number
  /** Nothing passes any more, in neither direction; what is sent meanwhile is lost for good. */
  silence(): void
  /** Goes silent by itself once that many bytes have come from the database. */
  silenceAfter(bytes: number): void
  /** New connections pass; those from before stay dead. */
  heal(): void
  close(): Promise<void>
}

/** @param target path of the database's unix socket. */
export async function silentNetwork(target: string): Promise<SilentNetwork> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let silent = false
  let passes = Infinity
  const server = createServer((near) => {
    const far = connect(target)
    const pair = [near, far] as const
    let dead = silent
    pairs.add(pair)
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.on('data', (bytes) => {
        if (from === far) passes -= bytes.length
        silent ||= passes < 0
        dead ||= silent
        if (!dead) to.write(bytes)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        if (dead || silent) return
        pairs.delete(pair)
        to.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const self: SilentNetwork = {
    port,
    silence() { silent = true },
    silenceAfter(bytes) { passes = bytes },
    heal() {
      silent = false
      passes = Infinity
    },
    async close() {
      for (const [near, far] of pairs) { near.destroy(); far.destroy() }
      server.close()
      await once(server, 'close')
    },
    [Symbol.asyncDispose]: () => self.close()
  }
  return self
}
