// What each verb gets: the global options, a client when it needs one, and one way to print. Results go to stdout and
// nothing else does; with --json they are JSON, and so are errors on stderr.
import type { Command } from 'commander'
import { type Fault, chain } from '@pitstop/shared/fault'
import { type Client, createClient } from './client.ts'
import { type Exit, exitCodes, exitOf } from './exit-codes.ts'
import { socketOf } from './socket.ts'
import type { Terminal } from './terminal.ts'

export interface GlobalOptions {
  readonly config: string
  readonly socket?: string
  readonly url?: string
  readonly tokenFile?: string
  readonly authority?: string
  readonly json?: boolean
}

export class Context {
  readonly terminal: Terminal
  readonly options: GlobalOptions
  #client: Client | undefined

  constructor(terminal: Terminal, options: GlobalOptions) {
    this.terminal = terminal
    this.options = options
  }

  get json(): boolean { return this.options.json === true }

  /** --url, else --socket, else the socket that the configuration names, else the usual one. */
  get client(): Client {
    const { url, socket, tokenFile, authority, config } = this.options
    const warn = (text: string): void => { this.warn(text) }
    this.#client ??= url === undefined
      ? createClient({ socket: socket ?? socketOf(config, warn), user: this.terminal.user }, warn)
      : createClient({ url, tokenFile, authority }, warn)
    return this.#client
  }

  /** @param lines what a person reads; built only when nobody asked for JSON. */
  print(data: unknown, lines: () => readonly string[]): void {
    this.terminal.out(this.json ? `${JSON.stringify(data)}\n` : lines().map((line) => `${line}\n`).join(''))
  }

  warn(text: string): void {
    this.terminal.err(this.json ? `${JSON.stringify({ warning: text })}\n` : `pitstop: ${text}\n`)
  }

  async close(): Promise<void> { await this.#client?.close() }
}

export function printFault(terminal: Terminal, fault: Fault, json: boolean): number {
  const { code, hint, reasons } = fault
  const exit: Exit = exitOf(code)
  const text = chain(fault)
  if (json) terminal.err(`${JSON.stringify({ error: { code, text, hint, reasons, exit: exitCodes[exit].code } })}\n`)
  else {
    terminal.err(`pitstop: ${text}\n`)
    for (const each of reasons.filter((reason) => !text.includes(reason.text))) terminal.err(`  - ${each.text}\n`)
    const advice = new Set([hint, ...reasons.map((reason) => reason.hint)])
    for (const each of advice) terminal.err(`  do: ${each}\n`)
    terminal.err(`  (${code})\n`)
  }
  return exitCodes[exit].code
}

export type Verb = (context: Context, command: Command) => Promise<Exit | void>

/** How verbs are hung into commander: it parses, `perform` runs. */
export type Perform = (verb: Verb) => (...given: unknown[]) => Promise<void>
