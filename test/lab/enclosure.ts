// The lab runs in namespaces of its own: network (nothing of it can be reached from outside, nor reach out), mounts and
// processes. Whatever happens to its first process, nothing of it is left: no host, no mount, no interface.
import { mkdirSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { run } from './command.ts'

const marker = 'PITSTOP_LAB'

export const isEnclosed = (): boolean => process.env[marker] === '1'

export const enclosed = (script: string, args: readonly string[] = []): readonly [string, ...string[]] =>
  ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--', process.execPath, script, ...args]

export const enclosedEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env, [marker]: '1' })

/** Runs the script there, on this terminal; its exit code. */
export function runEnclosed(script: string, args: readonly string[]): Promise<number> {
  const [program, ...rest] = enclosed(script, args)
  const child = spawn(program, rest, { stdio: 'inherit', env: enclosedEnvironment() })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { child.kill(signal) })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => { resolve(code ?? 1) })
  })
}

/** Once, inside: what every part of the lab stands on. */
export async function furnish(): Promise<void> {
  if (!isEnclosed()) throw new Error('the lab runs in namespaces of its own only: see enclosure.ts')
  await run(['ip', 'link', 'set', 'lo', 'up'])
  // Both folders are this machine's own elsewhere: what is left in them would outlive the lab.
  for (const folder of ['/run/systemd/nspawn', '/run/netns']) {
    mkdirSync(folder, { recursive: true })
    await run(['mount', '-t', 'tmpfs', 'tmpfs', folder])
  }
}
