// `pitstop coordinator`: the process itself, in the foreground. A first signal stops it in good order, a second at once.
import type { Command } from 'commander'
import { Fault, asFault } from '@pitstop/shared/fault'
import { refuseForeignGlass } from '../../adapters/break-glass-file.ts'
import { peerProblems, refuseUnusable } from '../../adapters/file-contents.ts'
import { fileProblems } from '../../adapters/named-files.ts'
import { isRoot, serviceAccount } from '../../adapters/service-account.ts'
import { storeMemoryFile } from '../../adapters/store-memory-file.ts'
import type { StoreLook } from '../../adapters/store/look-at-store.ts'
import { isPostgres } from '../../adapters/store/postgres-address.ts'
import { type Settings, loadSettings } from '../../config.ts'
import type { Perform } from '../context.ts'
import { examples } from '../examples.ts'

/** Ms for which a check waits for a database. */
const lookMs = 3000

export function coordinatorCommand(program: Command, perform: Perform): void {
  program.command('coordinator').description('run the coordinator in the foreground; logs are JSON lines on stderr')
    .option('--check', 'only check the configuration, that the files it names can be read (as root: by the service\'s user) and hold what they should, and that a PostgreSQL store answers')
    .addHelpText('after', examples('pitstop coordinator --config /etc/pitstop/coordinator.yml', 'pitstop coordinator --check'))
    .action(perform(async (context, command) => {
      const settings = loadSettings(context.options.config)
      if (command.opts<{ check?: boolean }>().check === true) {
        refuseUnreadable(settings)
        await refuseWhatStartsNowhere(settings)
        await refuseForeignGlass(settings.breakGlass)
        await storeMemoryFile(settings.breakGlass, settings.fleet, (text) => { context.warn(text) }).read()
        const store = await lookAtStore(settings)
        for (const { text, hint } of store?.warnings ?? []) context.warn(`${text}; ${hint}`)
        context.print({ ok: true, file: settings.file, fleet: settings.fleet, store: store?.text ?? null }, () => [`${settings.file} is good: fleet ${settings.fleet}`, ...store === null ? [] : [store.text]])
        return
      }
      // Server, store and gRPC are heavy; the other verbs do not load them.
      const [{ runCoordinator }, { createLog }] = await Promise.all([import('../../main.ts'), import('../log.ts')])
      const log = createLog()
      let interrupted: () => void = () => undefined
      const signal = new Promise<void>((resolve) => { interrupted = resolve })
      // Listened for before anything starts: a signal in mid-start stops it as soon as it has started.
      const forget = context.terminal.onInterrupt(interrupted)
      try {
        const running = await runCoordinator(settings, { log })
        await signal
        log('info', 'stopping; send the signal again to stop at once')
        forget()
        await running.stop()
        log('info', 'stopped')
      } finally {
        forget()
      }
    }))
}

/** Whoever starts it now would meet what is seen here. */
async function lookAtStore({ file, store, fleet, storePasswordFile }: Settings): Promise<StoreLook | null> {
  if (!isPostgres(store)) return null
  const { lookAtPostgres } = await import('../../adapters/store/look-at-store.ts')
  try {
    return await lookAtPostgres(store, fleet, { passwordFile: storePasswordFile, deadlineMs: lookMs })
  } catch (error) {
    const { code, message, hint, reasons } = asFault(error)
    throw new Fault(code, `${file} is well-formed and its files are there, but the store cannot be used now: ${message}`, { hint, reasons, cause: error })
  }
}

/** What a start would refuse, or warn of. */
async function refuseWhatStartsNowhere(settings: Settings): Promise<void> {
  try {
    await refuseUnusable(settings, Date.now(), peerProblems(settings))
  } catch (error) {
    const { code, message, hint, reasons } = asFault(error)
    throw new Fault(code, `${settings.file} is well-formed and its files are there, but not all that they hold is usable: ${reasons.length > 1 ? `${reasons.length} of them are not what they should be` : message}`, { hint, reasons, cause: error })
  }
}

/** Root reads everything: where the service is installed, its user is who has to. @throws Fault with every file at once. */
function refuseUnreadable(settings: Settings): void {
  const problems = fileProblems(settings, isRoot() ? serviceAccount() : undefined)
  const worst = problems.find(({ code }) => code !== 'PERMISSION_DENIED') ?? problems[0]
  if (worst === undefined) return
  throw new Fault(worst.code, `${settings.file} is well-formed, but of the files it names ${problems.length} cannot be used`, { reasons: problems, hint: worst.hint })
}
