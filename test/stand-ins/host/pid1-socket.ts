// The machine's ear for the host's commands: a loopback port on the host's own address. Knows who is asking at the
// moment, so that a caller's end and a reboot reach them like any other process. A question is a command to answer as
// the host would, or a hand on the machine itself (power, disk), which no program of a host may use.
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeDurably } from './durable-file.ts'
import { at } from './host-layout.ts'
import { type Answer, decodeQuestion, encodeAnswer, type Question } from './pid1-question.ts'
import type { Askers } from './processes.ts'

/** How long the asker may take to leave before what it asked for begins. */
const leavingMs = 200

export interface Pid1Socket {
  /** ADDRESS/PORT, as in etc/pid1.address. */
  readonly address: string
  readonly close: () => void
}

export async function openPid1Socket(root: string, address: string, askers: Askers, answer: (question: Question, isWaitedFor: () => boolean) => Promise<Answer>): Promise<Pid1Socket> {
  const server = createServer({ noDelay: true }, (socket) => {
    let received = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      let question: Question | undefined
      try {
        question = decodeQuestion(received)
      } catch {
        socket.destroy()
        return
      }
      if (question === undefined) return
      socket.removeAllListeners('data').resume()
      // A wrapper of another host that found a port handed on: it must not be answered by this one.
      if (question.root === root) void respond(socket, question)
      else socket.destroy()
    })
  })

  async function respond(socket: Socket, question: Question): Promise<void> {
    const { pid, parent } = question
    const asker = { pid, parent }
    // Open = the process lives: nobody else has its end of the connection.
    const gone = new Promise<void>((resolve) => { socket.once('close', () => { resolve() }) })
    // A hand on the machine is no process of the host: a power cut must not reach it.
    if (question.command !== 'machine') askers.add(asker)
    void gone.then(() => askers.delete(asker))
    const { after, ...said } = await answer(question, () => askers.has(asker))
    socket.end(encodeAnswer(said))
    if (after === undefined) return
    // The asker leaves first when it can, so that it ends with its own exit code.
    const patience = new AbortController()
    await Promise.race([gone.finally(() => { patience.abort() }), sleep(leavingMs, undefined, { signal: patience.signal }).catch(() => undefined)])
    after()
  }

  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, address, resolve)
  })
  const bound = server.address()
  const place = `${address}/${typeof bound === 'object' && bound !== null ? bound.port : 0}`
  writeDurably(at(root, 'pid1'), `${place}\n`)
  return {
    address: place,
    close() {
      server.close()
      rmSync(at(root, 'pid1'), { force: true })
    }
  }
}
