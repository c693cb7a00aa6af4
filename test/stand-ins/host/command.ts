// One command of a stand-in host as a process of its own: `node command.ts ROOT NAME ARGS...`, called by the wrappers
// in ROOT/bin for what takes a real lock and real time, and for everything when no machine answers them.
import { appendRecord } from './history.ts'
import { readIfThere } from './durable-file.ts'
import { at } from './host-layout.ts'
import type { Answer } from './pid1-question.ts'

const [root = '', command = '', ...args] = process.argv.slice(2)
const startedAt = Date.now()
const bootId = readIfThere(at(root, 'bootId'))?.trim() ?? ''

function record(exit: number | null): void {
  appendRecord(root, 'commandHistory', {
    at: new Date(startedAt).toISOString(), command, args, boot_id: bootId, exit, ms: Date.now() - startedAt, pid: process.pid
  })
}

process.on('exit', (exit) => { record(exit) })
// A reader that has gone is no reason to stop half-way; dpkg does not either.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)

if (command === 'apt-get') {
  const { aptGet } = await import('./apt-get.ts')
  process.exitCode = await aptGet(root, args, () => { record(null) })
} else {
  const { answerWithoutMachine } = await import('./host-commands.ts')
  const { stdout, stderr, exit }: Answer = answerWithoutMachine(root, command, args)
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  process.exitCode = exit
}
