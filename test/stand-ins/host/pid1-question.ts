// What is said between a host's commands and its machine. A question is NUL-ended fields, so that any argument is safe
// and a shell can write it: how many follow, the host's root, the command, its pid, its parent's pid, three environment
// entries (empty when unset), the arguments. An answer is "EXIT OUT ERR\n" and so many bytes of stdout and stderr.
// command-wrapper.ts writes the same in bash: change both or neither.
import { readIfThere } from './durable-file.ts'
import { at } from './host-layout.ts'

export interface Question {
  readonly root: string
  readonly command: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly pid: number
  /** Whoever called the command: it ends with its caller's unit. */
  readonly parent: number
}

export interface Answer {
  readonly stdout: string
  readonly stderr: string
  readonly exit: number
  /** What happens once the asker has been told. */
  readonly after?: () => void
}

export const ok = (stdout = '', stderr = ''): Answer => ({ stdout, stderr, exit: 0 })
export const refuse = (stderr: string, exit = 1): Answer => ({ stdout: '', stderr: `${stderr}\n`, exit })

/** What a command of the host gets to know of its caller's environment. */
export const passedOn = ['SVWAIT', 'PATH', 'NOTIFY_SOCKET'] as const

export function encodeQuestion({ root, command, args, environment, pid, parent }: Question): string {
  const entries = passedOn.map((name) => (environment[name] === undefined ? '' : `${name}=${environment[name]}`))
  const fields = [root, command, String(pid), String(parent), ...entries, ...args]
  return [String(fields.length), ...fields].map((field) => `${field}\0`).join('')
}

/** undefined = there is more to come. @throws when it is no question. */
export function decodeQuestion(received: Buffer): Question | undefined {
  const header = received.indexOf(0)
  const expected = Number(received.subarray(0, header < 0 ? 8 : header).toString())
  if (header > 8 || (header >= 0 && !(expected >= 7)) || (header < 0 && received.length > 8)) throw new Error('no question of a host command')
  if (header < 0 || received[received.length - 1] !== 0) return undefined
  const [root = '', command = '', pid = '', parent = '', ...rest] = received.subarray(header + 1, -1).toString().split('\0')
  if (rest.length + 4 < expected) return undefined
  const environment: Record<string, string> = {}
  for (const entry of rest.slice(0, passedOn.length)) {
    const equals = entry.indexOf('=')
    if (equals > 0) environment[entry.slice(0, equals)] = entry.slice(equals + 1)
  }
  return { root, command, args: rest.slice(passedOn.length), environment, pid: Number(pid), parent: Number(parent) }
}

export function encodeAnswer({ exit, stdout, stderr }: Answer): Buffer {
  const [out, err] = [Buffer.from(stdout), Buffer.from(stderr)]
  return Buffer.concat([Buffer.from(`${exit} ${out.length} ${err.length}\n`), out, err])
}

/** Where the machine of a host listens; undefined = no machine runs. */
export function pid1Address(root: string): { readonly host: string, readonly port: number } | undefined {
  const [host, port] = readIfThere(at(root, 'pid1'))?.trim().split('/') ?? []
  return host === undefined || port === undefined ? undefined : { host, port: Number(port) }
}
