// Loopback ports that nobody has at the moment.
import { createServer } from 'node:net'

/** Keeps the ports given and finds free ones for the others, all held at once so that they differ. */
export async function freePorts(address: string, wanted: readonly (number | undefined)[]): Promise<number[]> {
  const servers = await Promise.all(wanted.map(async (port) => {
    const server = createServer()
    if (port !== undefined) return { port, close: async () => { await Promise.resolve() } }
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject)
      server.listen(0, address, resolve)
    })
    const bound = server.address()
    return {
      port: typeof bound === 'object' && bound !== null ? bound.port : 0,
      close: async () => { await new Promise<void>((resolve) => { server.close(() => { resolve() }) }) }
    }
  }))
  await Promise.all(servers.map(async ({ close }) => { await close() }))
  return servers.map(({ port }) => port)
}
