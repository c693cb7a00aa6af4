// One run of pitstop: arguments in, exit code out. No verb ends the process; what they opened is closed here.
import { type Command, CommanderError } from 'commander'
import { Fault, asFault } from '@pitstop/shared/fault'
import { deniedFault } from '../adapters/file-fault.ts'
import { Context, type GlobalOptions, type Perform, printFault } from './context.ts'
import { exitCodes } from './exit-codes.ts'
import { buildProgram } from './program.ts'
import type { Terminal } from './terminal.ts'

export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = exitCodes.done.code
  const perform: Perform = (verb) => async (...given) => {
    const command = given.at(-1) as Command
    const context = new Context(terminal, command.optsWithGlobals<GlobalOptions>())
    try {
      exitCode = exitCodes[await verb(context, command) ?? 'done'].code
    } finally {
      await context.close()
    }
  }
  const program = buildProgram(perform, {
    writeOut: (text) => { terminal.out(text) },
    writeErr: (text) => { terminal.err(text) },
    // Printed once, below, in the form that was asked for.
    outputError: () => undefined
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.done.code
      // Help that nobody asked for was printed in place of an error: a verb is missing.
      if (error.code === 'commander.help') return exitCodes.input.code
      return printFault(terminal, new Fault('INVALID_INPUT', error.message.replace(/^error: /, ''), { hint: `see ${verbOf(program, argv)} --help` }), argv.includes('--json'))
    }
    return printFault(terminal, deniedFault(error) ?? asFault(error), argv.includes('--json'))
  }
}

/** The verb that was typed, as far as it is one. */
function verbOf(program: Command, argv: readonly string[]): string {
  const names = [program.name()]
  let at = program
  for (const word of argv) {
    const next = at.commands.find((each) => each.name() === word)
    if (next === undefined) continue
    at = next
    names.push(word)
  }
  return names.join(' ')
}
