// A database's address that moves to another server, as a name or a virtual address does in a fail-over: new connections go
// to the new server, and those to the former one live on.
import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { PostgresServer } from './postgres-server.ts'

export interface MovingAddress extends AsyncDisposable {
  readonly port: number
  moveTo(server: PostgresServer): void
}

export async function movingAddress(first: PostgresServer): Promise<MovingAddress> {
  let target = first
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(join(target.socketFolder, `.s.PGSQL.${target.port}`))
    sockets.add(near)
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.pipe(to)
      from.on('error', () => undefined)
      from.on('close', () => {
        to.destroy()
        sockets.delete(near)
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    moveTo(other) { target = other },
    async [Symbol.asyncDispose]() {
      for (const each of sockets) each.destroy()
      server.close()
      await once(server, 'close')
    }
  }
}
