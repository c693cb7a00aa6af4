// pitstop-agent: the command line. Parses arguments and hands on; verbs are in the files beside this one.
import { Command, CommanderError } from 'commander'
import { asFault, chain } from '@pitstop/shared/fault'
import { release } from '@pitstop/shared/release'
import type { InitOptions } from './init.ts'
import { defaultConfigurationFile, loadSettings, type Settings } from '../config.ts'
import { typed } from '../domain/typed.ts'

const program = new Command('pitstop-agent')
  .description('Patches and reboots this Gitaly host when a pitstop coordinator of its fleet says so.')
  .version(release)
  .option('--config <file>', 'configuration file', defaultConfigurationFile)
  .showHelpAfterError('(see pitstop-agent --help)')
  .exitOverride()
  .addHelpText('after', `
Exit codes: 0 done, 1 failed, unhealthy or something in the way, 2 wrong usage or configuration, 3 the order may not begin (may-reboot), 4 too late (cancel)

Examples:
  pitstop-agent init --fleet gprd --node gitaly-03.example.internal --coordinator pitstop.example.internal:7442 --gitaly 127.0.0.1:8075
                                                  write the configuration, the host's key and its signing request
  pitstop-agent serve                             run the agent (systemd does this)
  pitstop-agent doctor                            everything that would be a veto now, in plain words
  pitstop-agent pay                               put back now what an order has left to be put back
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
program.command('pay').argument('[id]', 'one promise, as status lists it').option('--by-hand', 'it was done by hand: only forget the promise')
  .description('put back now what is promised, without a coordinator').action(async (id: string | undefined, options: { byHand?: boolean }) => {
    const { payNow } = await import('./pay.ts')
    process.exitCode = await payNow(settings(), id, options.byHand === true)
  })
program.command('after-ready').description('run the hooks of after-ready once more, for this boot').action(async () => {
  const { afterReady } = await import('./after-ready.ts')
  process.exitCode = await afterReady(settings())
})
program.command('accept-log-errors').requiredOption('--reason <text>', 'why they are harmless; kept with your name')
  .description('errors in Gitaly\'s log that made this boot unhealthy are known from now on').action(async (options: { reason: string }) => {
    const { acceptLogErrors } = await import('./accept-log-errors.ts')
    process.exitCode = acceptLogErrors(settings(), options.reason)
  })
program.command('init').description('write a commented configuration, the host\'s key and its signing request')
  .requiredOption('--fleet <name>', 'as the coordinator\'s')
  .option('--node <fqdn>', 'this host, as in the inventory; without: /etc/hostname, else what hostname -f says')
  .option('--coordinator <host:port...>', 'who hears "I am back"', [])
  .requiredOption('--gitaly <address>', 'Gitaly\'s own listener: host:port, unix:/path or tls://host:port')
  .option('--token-file <file>', 'with the token of Gitaly\'s configuration')
  .option('--service-manager <name>', 'gitlab-ctl (default) or systemd')
  .option('--listen <host:port>', 'where the coordinator finds this agent', '0.0.0.0:7441')
  .option('--pki <folder>', 'for key, request and certificates', '/etc/pitstop/pki')
  .option('--observe', 'only write down what orders would do')
  .action(async (options: InitOptions) => {
    const { init } = await import('./init.ts')
    process.exitCode = await init(program.opts<{ config: string }>().config, options)
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
  // Advice for root misleads anybody else.
  const hint = process.geteuid?.() !== 0 && /EACCES|EPERM/.test(chain(fault)) ? `only root may: ${typed(['sudo', 'pitstop-agent', ...process.argv.slice(2)])}` : fault.hint
  process.stderr.write(`${fault.message}\n${hint === '' ? '' : `  ${hint}\n`}`)
  // At once: whatever half a start has left open would keep `serve` from ending.
  process.exit(['INVALID_CONFIGURATION', 'INVALID_INPUT', 'NOT_FOUND'].includes(fault.code) ? 2 : 1)
}
