// Where the CLI reads and writes, handed in so that tests can stand in for it.
import { createInterface } from 'node:readline/promises'
import { userInfo } from 'node:os'

export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** stdout is watched by a person. */
  readonly live: boolean
  /** stdin can be asked. */
  readonly interactive: boolean
  readonly colour: boolean
  size(): { readonly columns: number, readonly rows: number }
  ask(question: string): Promise<string>
  /** Login name, for the journal. */
  readonly user: string
  /** The person interrupts. Answers how to stop listening. */
  onInterrupt(call: () => void): () => void
}

function loginName(): string {
  // Under sudo the person is who typed sudo.
  const sudo = process.env['SUDO_USER']
  if (sudo !== undefined && sudo !== '') return sudo
  try {
    return userInfo().username
  } catch {
    return 'unknown'
  }
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  // `pitstop … | head` ends quietly when the reader has enough.
  stdout.on('error', (error: NodeJS.ErrnoException) => { process.exit(error.code === 'EPIPE' ? process.exitCode ?? 0 : 1) })
  return {
    out: (text) => { stdout.write(text) },
    err: (text) => { stderr.write(text) },
    live: stdout.isTTY,
    interactive: stdin.isTTY && stderr.isTTY,
    colour: stdout.isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb',
    size: () => ({ columns: stdout.columns ?? 160, rows: stdout.rows ?? 24 }),
    // Asked on stderr: stdout is for results.
    ask: async (question) => {
      const lines = createInterface({ input: stdin, output: stderr })
      try {
        return (await lines.question(question)).trim()
      } finally {
        lines.close()
      }
    },
    user: loginName(),
    onInterrupt: (call) => {
      process.on('SIGINT', call).on('SIGTERM', call)
      return () => { process.off('SIGINT', call).off('SIGTERM', call) }
    }
  }
}
