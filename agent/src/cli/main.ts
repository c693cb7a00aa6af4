// pitstop-agent: the command line. Parses arguments and hands on; verbs are in the files beside this one.
import { Command, CommanderError } from 'commander'
import { asFault } from '@pitstop/shared/fault'
import { defaultConfigurationFile, loadSettings, type Settings } from '../config.ts'
import { agentVersion } from '../grpc/describe.ts'

const program = new Command('pitstop-agent')
  .description('Patches and reboots this Gitaly host when a pitstop coordinator of its fleet says so.')
  .version(agentVersion)
  .option('--config <file>', 'configuration file', defaultConfigurationFile)
  .showHelpAfterError('(see pitstop-agent --help)')
  .exitOverride()
  .addHelpText('after', `
Exit codes: 0 done, 1 failed or unhealthy, 2 wrong usage or configuration, 3 the order may not begin (may-reboot), 4 too late (cancel)

Examples:
  pitstop-agent serve                             run the agent (systemd does this)
  pitstop-agent doctor                            everything that would be a veto now, in plain words
  pitstop-agent cancel reboot-1-0123456789abcdef01234567
                                                  take a scheduled reboot back, without a coordinator`)

const settings = (): Settings => loadSettings(program.opts<{ config: string }>().config)

program.command('serve').description('run the agent').action(async () => {
  const { serve } = await import('./serve.ts')
  await serve(settings())
})
program.command('may-reboot').argument('<order>').description('would the order be allowed to begin now?').action(async (order: string) => {
  const { mayReboot } = await import('./may-reboot.ts')
  process.exitCode = await mayReboot(settings(), order)
})
program.command('status').description('boot, epoch and orders, as they stand on disk').option('--json', 'for machines').action(async (options: { json?: boolean }) => {
  const { status } = await import('./status.ts')
  process.exitCode = await status(settings(), options.json === true)
})
program.command('doctor').description('what would be refused now, and why').option('--json', 'for machines').action(async (options: { json?: boolean }) => {
  const { doctor } = await import('./doctor.ts')
  process.exitCode = await doctor(settings(), options.json === true)
})
program.command('cancel').argument('<order>').option('--reason <text>', 'kept with the order', '').description('take a scheduled reboot back').action(async (order: string, options: { reason: string }) => {
  const { cancel } = await import('./cancel.ts')
  process.exitCode = await cancel(settings(), order, options.reason)
})
const unit = program.command('unit', { hidden: true }).description('the bodies of the transient units')
unit.command('upgrade').argument('<order>').action(async (order: string) => {
  const { runUnit } = await import('./unit.ts')
  await runUnit(settings(), 'upgrade', order)
})
unit.command('reboot').argument('<order>').action(async (order: string) => {
  const { runUnit } = await import('./unit.ts')
  await runUnit(settings(), 'reboot', order)
})

try {
  await program.parseAsync()
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exit(thrown.exitCode === 0 ? 0 : 2)
  const fault = asFault(thrown)
  process.stderr.write(`${fault.message}\n${fault.hint === '' ? '' : `  ${fault.hint}\n`}`)
  process.exitCode = ['INVALID_CONFIGURATION', 'INVALID_INPUT', 'NOT_FOUND'].includes(fault.code) ? 2 : 1
}
