// The socket between the host's commands and its machine: one JSON line each way. A question is a command to answer
// as PID 1 or runit would, or a hand on the machine itself (power, disk), which no program of a host may use.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { writeDurably } from './durable-file.ts'
import { at } from './host-layout.ts'
import { isAlive } from './package-database.ts'

export interface Question {
  readonly command: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly pid: number
}

export interface Answer {
  readonly stdout: string
  readonly stderr: string
  readonly exit: number
  /** What happens once the asker has been told. */
  readonly after?: () => void
}

export interface Pid1Socket {
  readonly folder: string
  readonly path: string
  readonly close: () => void
}

/** Listens at a short path of its own (107 bytes are the limit) and writes it down in etc/pid1.path. */
export async function openPid1Socket(root: string, answer: (question: Question) => Promise<Answer>): Promise<Pid1Socket> {
  const folder = mkdtempSync(`${tmpdir()}/pitstop-`)
  const path = `${folder}/pid1`
  const server = createServer((socket) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('error', () => undefined)
    socket.on('data', (chunk: string) => {
      text += chunk
      if (!text.endsWith('\n')) return
      const question = JSON.parse(text) as Question
      text = ''
      void answer(question).catch((error: unknown): Answer => ({ stdout: '', stderr: `${String(error)}\n`, exit: 1 })).then(({ after, ...said }) => {
        socket.end(`${JSON.stringify(said)}\n`)
        if (after === undefined) return
        // The asker leaves first when it can, so that it ends with its own exit code.
        let rounds = 0
        const look = setInterval(() => {
          if (isAlive(question.pid) && rounds++ < 40) return
          clearInterval(look)
          after()
        }, 5)
      })
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(path, resolve)
  })
  writeDurably(at(root, 'pid1'), `${path}\n`)
  return {
    folder,
    path,
    close() {
      server.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
