// One command of the build machine: its output, or an error with what it said.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export async function output(argv: readonly [string, ...string[]], options: { cwd?: string, env?: Record<string, string> } = {}): Promise<string> {
  const [program, ...rest] = argv
  const { stdout } = await promisify(execFile)(program, rest, { ...options, env: { ...process.env, ...options.env }, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

/** Is the tool at hand? */
export async function available(program: string): Promise<boolean> {
  try { await output([program, '--version']); return true } catch { return false }
}
