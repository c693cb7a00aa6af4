// A host behind a network that says nothing while it is down: neither a refusal nor an answer, as with a switched-off
// machine behind a router. A listener whose accept queue is full makes Linux drop further connections in just that way.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

export interface DeafListener extends AsyncDisposable {
  readonly port: number
  /** From now on it takes connections, and hands them on. */
  hear(): void
}

const body = `
const { createServer, connect } = require('node:net')
const { parentPort, workerData: { gate, onwards } } = require('node:worker_threads')
const server = createServer((from) => {
  const to = connect(onwards, '127.0.0.1')
  for (const [a, b] of [[from, to], [to, from]]) { a.on('error', () => b.destroy()); a.pipe(b) }
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  // Nothing is accepted while the thread stands still.
  setImmediate(() => { Atomics.wait(gate, 0, 0) })
})
`

/** @param onwards loopback port of the real server. */
export async function deafListener(onwards: number): Promise<DeafListener> {
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const thread = new Worker(body, { eval: true, workerData: { gate, onwards } })
  const [port] = await once(thread, 'message') as [number]
  const fillers: Socket[] = []
  // Until one is not taken any more: the queue is full.
  for (let taken = true; taken && fillers.length < 10;) {
    const filler = connect(port, '127.0.0.1').on('error', () => undefined)
    fillers.push(filler)
    taken = await Promise.race([once(filler, 'connect').then(() => true), new Promise<boolean>((resolve) => { setTimeout(resolve, 200, false) })])
  }
  const hear = (): void => {
    for (const filler of fillers) filler.destroy()
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
  }
  return { port, hear, async [Symbol.asyncDispose]() { hear(); await thread.terminate() } }
}
