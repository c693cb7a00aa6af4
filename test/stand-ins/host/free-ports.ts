// Loopback ports that nobody has at the moment, and that nobody is given who asks for any port: they lie below the range
// from which Linux takes those. A host that is off would else find one of its ports taken when it comes up again.
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Linux: net.ipv4.ip_local_port_range begins at 32768. */
const [lowest, above] = [12_000, 32_000] as const

/** Keeps the ports given and finds free ones for the others, all held at once so that they differ. */
export async function freePorts(address: string, wanted: readonly (number | undefined)[]): Promise<number[]> {
  const held = await Promise.all(wanted.map(async (port): Promise<Held> => (port === undefined ? await holdFree(address) : { port, close: () => Promise.resolve() })))
  await Promise.all(held.map(({ close }) => close()))
  return held.map(({ port }) => port)
}

interface Held { readonly port: number, readonly close: () => Promise<void> }

async function holdFree(address: string): Promise<Held> {
  for (let tries = 0; ; tries++) {
    try { return await hold(address, randomInt(lowest, above)) } catch (error) {
      if (tries === 50 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

const hold = (address: string, port: number): Promise<Held> => new Promise((resolve, reject) => {
  const server = createServer()
  server.on('error', reject)
  server.listen(port, address, () => {
    resolve({ port, close: () => new Promise((closed) => { server.close(() => { closed() }) }) })
  })
})
