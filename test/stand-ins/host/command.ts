// One command of a stand-in host: `node command.ts ROOT NAME ARGS...`, called by the wrappers in ROOT/bin. What
// belongs to apt and dpkg is done here, what belongs to PID 1 or runit is asked of the machine over its socket.
// Lean on purpose: an agent runs dozens of these, so only what the command needs is loaded.
import { appendFileSync } from 'node:fs'
import { readIfThere } from './durable-file.ts'

const [root = '', command = '', ...args] = process.argv.slice(2)
const startedAt = Date.now()
const bootId = readIfThere(`${root}/proc/sys/kernel/random/boot_id`)?.trim() ?? ''

// Same form as CommandRecord in history.ts.
function record(exit: number | null): void {
  appendFileSync(`${root}/var/log/commands.log`, `${JSON.stringify({
    at: new Date(startedAt).toISOString(), command, args, boot_id: bootId, exit, ms: Date.now() - startedAt, pid: process.pid
  })}\n`)
}

process.on('exit', (exit) => { record(exit) })
// A reader that has gone is no reason to stop half-way; dpkg does not either.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)

process.exitCode = await run()

async function run(): Promise<number> {
  switch (command) {
    case 'apt-get': return await (await import('./apt-get.ts')).aptGet(root, args, () => { record(null) })
    case 'apt-mark': return (await import('./dpkg.ts')).aptMark(root, args)
    case 'dpkg': return (await import('./dpkg.ts')).dpkg(root, args)
    case 'dpkg-query': return (await import('./dpkg.ts')).dpkgQuery(root, args)
    default: return await askMachine()
  }
}

async function askMachine(): Promise<number> {
  const { connect } = await import('node:net')
  const path = readIfThere(`${root}/etc/pid1.path`)?.trim() ?? ''
  return await new Promise((resolve) => {
    let answer = ''
    const socket = connect(path, () => {
      const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name === 'SVWAIT' || name === 'PATH' || name === 'NOTIFY_SOCKET'))
      socket.write(`${JSON.stringify({ command, args, environment, pid: process.pid })}\n`)
    })
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      answer += text
      if (!answer.endsWith('\n')) return
      const { stdout, stderr, exit } = JSON.parse(answer) as { stdout: string, stderr: string, exit: number }
      process.stdout.write(stdout)
      process.stderr.write(stderr)
      socket.end()
      resolve(exit)
    })
    const unreachable = (): void => {
      if (command === 'gitlab-ctl') process.stdout.write('fail: gitaly: runsv not running\n')
      else process.stderr.write("System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n")
      resolve(1)
    }
    // `close` follows every error.
    socket.on('error', () => undefined)
    socket.on('close', () => { if (answer === '') unreachable() })
  })
}
