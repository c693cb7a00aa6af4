// The verbs of pitstop, put together. Each file under commands/ hangs its own in.
import { Command, type OutputConfiguration } from 'commander'
import { release } from '@pitstop/shared/release'
import { defaultConfigurationFile } from '../config.ts'
import { coordinatorCommand } from './commands/coordinator.ts'
import { fleetCommands } from './commands/fleet.ts'
import { initCommand } from './commands/init.ts'
import { nodeCommands } from './commands/node.ts'
import { obligationCommands } from './commands/obligations.ts'
import { pkiCommands } from './commands/pki.ts'
import { planCommands } from './commands/plan.ts'
import { whyCommand } from './commands/why.ts'
import { storeCommands } from './commands/store.ts'
import { windowCommands } from './commands/window.ts'
import type { Perform } from './context.ts'
import { exitHelp } from './exit-codes.ts'

export function buildProgram(perform: Perform, output: OutputConfiguration): Command {
  // Set before any verb is added: verbs inherit it.
  const program = new Command('pitstop').exitOverride().configureOutput(output).showHelpAfterError(false)
    .configureHelp({ showGlobalOptions: false, sortSubcommands: false })
  program.description('Rolling OS patching for Gitaly fleets: nobody is hurt twice.').version(release)
    .option('--config <file>', 'the coordinator\'s configuration; the CLI finds the socket in it', defaultConfigurationFile)
    .option('--socket <path>', 'the coordinator\'s unix socket')
    .option('--url <url>', 'a coordinator elsewhere, with --token-file')
    .option('--token-file <file>', 'file with the bearer token for --url')
    .option('--authority <file>', 'PEM of the authority that signed the coordinator\'s certificate')
    .option('--json', 'machine output: results on stdout, errors on stderr')
    .addHelpText('after', `
Examples:
  pitstop preflight
  pitstop plan create --for 6h --group-size 2 --reason "change 4711"
  pitstop window start 3f9a21c0 --reason "change 4711" --watch
  pitstop why
  pitstop node retry gitaly-03.internal --reason "disk mounted"

${exitHelp()}
`)
  for (const add of [planCommands, windowCommands, nodeCommands, whyCommand, obligationCommands, fleetCommands, storeCommands, pkiCommands, initCommand, coordinatorCommand]) add(program, perform)
  return program
}
