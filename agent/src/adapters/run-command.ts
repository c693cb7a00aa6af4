// Runs one command of the host: argv array, no shell, fixed environment, deadline, TERM then KILL to the whole process
// group, capped output. The only user of child_process in this package. Must never inherit our environment or stdin.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { Fault } from '@pitstop/shared/fault'
import type { Command, CommandResult, RunCommand } from '../ports.ts'

/** The same on every host: parsers read English, apt asks nobody, needrestart only lists. */
export const fixedEnvironment = {
  LC_ALL: 'C',
  LANG: 'C',
  TZ: 'UTC',
  TERM: 'dumb',
  HOME: '/root',
  DEBIAN_FRONTEND: 'noninteractive',
  APT_LISTCHANGES_FRONTEND: 'none',
  NEEDRESTART_MODE: 'l',
  UCF_FORCE_CONFFOLD: '1',
  SYSTEMD_PAGER: '',
  SYSTEMD_COLORS: '0'
} as const

const defaultCap = 4 * 1024 * 1024
/** After the command's end a descendant may still hold its pipes: what it writes is not ours. */
const drainMs = 100

/** The end of a stream, at most `cap` bytes. */
function keepLast(stream: NodeJS.ReadableStream | null, cap: number): { text: () => string, dropped: () => boolean, destroy: () => void } {
  const chunks: Buffer[] = []
  let size = 0
  let dropped = false
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    while (size > cap && chunks.length > 0) {
      const first = chunks[0] as Buffer
      const excess = size - cap
      dropped = true
      if (first.length <= excess) { chunks.shift(); size -= first.length }
      else { chunks[0] = first.subarray(excess); size -= excess }
    }
  })
  return {
    text: () => Buffer.concat(chunks).toString('utf8'),
    dropped: () => dropped,
    destroy: () => { (stream as { destroy?: () => void } | null)?.destroy?.() }
  }
}

/** @param path directories searched for the command; nothing else is. */
export function commandRunner(path: readonly string[]): RunCommand {
  return (command: Command) => new Promise<CommandResult>((resolve, reject) => {
    const started = performance.now()
    const [program, ...rest] = command.argv
    const statusFd = command.statusFile === undefined ? undefined : openSync(command.statusFile, 'a', 0o600)
    const child = spawn(program, rest, {
      cwd: command.cwd ?? '/',
      detached: true,
      env: { ...fixedEnvironment, PATH: path.join(':'), ...command.env },
      stdio: ['ignore', 'pipe', 'pipe', ...statusFd === undefined ? [] : [statusFd]]
    })
    if (statusFd !== undefined) closeSync(statusFd)
    const stdout = keepLast(child.stdout, command.outputCap ?? defaultCap)
    const stderr = keepLast(child.stderr, command.outputCap ?? defaultCap)
    let timedOut = false
    let killTimer: NodeJS.Timeout | undefined
    let drainTimer: NodeJS.Timeout | undefined
    const signalGroup = (signal: NodeJS.Signals): void => {
      try { if (child.pid !== undefined) process.kill(-child.pid, signal) } catch { /* the group is gone */ }
    }
    const deadline = setTimeout(() => {
      timedOut = true
      signalGroup('SIGTERM')
      killTimer = setTimeout(() => signalGroup('SIGKILL'), command.graceMs ?? 2000)
    }, command.deadlineMs)
    child.once('error', (error) => {
      clearTimeout(deadline)
      reject(new Fault('COMMAND_FAILED', `${program} cannot be run`, { cause: error, hint: `is ${program} in ${path.join(':')}?` }))
    })
    const finish = (code: number | null, signal: string | null): void => {
      clearTimeout(deadline)
      clearTimeout(killTimer)
      clearTimeout(drainTimer)
      stdout.destroy()
      stderr.destroy()
      resolve({
        code,
        signal,
        stdout: stdout.text(),
        stderr: stderr.text(),
        truncated: stdout.dropped() || stderr.dropped(),
        timedOut,
        elapsedMs: performance.now() - started
      })
    }
    child.once('exit', (code, signal) => {
      // The leader is gone; after a deadline nobody of its group may stay behind.
      if (timedOut) signalGroup('SIGKILL')
      drainTimer = setTimeout(() => finish(code, signal), drainMs)
    })
    child.once('close', finish)
  })
}

/** The output of a command that must end well and completely. @throws Fault COMMAND_TIMEOUT or COMMAND_FAILED. */
export async function outputOf(run: RunCommand, command: Command): Promise<string> {
  const result = await run(command)
  const name = command.argv.slice(0, 4).join(' ')
  if (result.timedOut) throw new Fault('COMMAND_TIMEOUT', `${name} did not end within ${command.deadlineMs} ms`)
  if (result.code !== 0) {
    const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-8).join('\n')
    throw new Fault('COMMAND_FAILED', `${name} ended with ${result.code ?? result.signal}${said === '' ? '' : `: ${said}`}`)
  }
  if (result.truncated) throw new Fault('COMMAND_FAILED', `${name} printed more than can be kept`)
  return result.stdout
}
