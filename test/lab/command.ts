// Runs a program of the lab's own machine, argv only; a failure is an error with what it said.
import { execFile } from 'node:child_process'

export interface CommandOutput { readonly exit: number, readonly stdout: string, readonly stderr: string }

/** Resolves however it ends. */
export function attempt(argv: readonly [string, ...string[]], timeoutMs = 60_000): Promise<CommandOutput> {
  const [program, ...rest] = argv
  const { NODE_OPTIONS: _loader, ...env } = process.env
  return new Promise((resolve) => {
    execFile(program, rest, { env: { ...env, LC_ALL: 'C' }, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const exit = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ exit, stdout, stderr: exit === -1 ? `${stderr}${error?.message ?? ''}` : stderr })
    })
  })
}

export async function run(argv: readonly [string, ...string[]], timeoutMs?: number): Promise<string> {
  const { exit, stdout, stderr } = await attempt(argv, timeoutMs)
  if (exit !== 0) throw new Error(`${argv.join(' ')} ended with ${exit}:\n${(stderr + stdout).slice(-3000)}`)
  return stdout
}
