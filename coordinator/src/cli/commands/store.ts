// `pitstop store backup FILE`: a copy of the coordinator's store while it runs. It holds the file alone, so the copy
// comes through it. A file that is there is not touched: an older backup may be the one that is needed.
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { Fault } from '@pitstop/shared/fault'
import { replaceFile } from '../../adapters/durable-file.ts'
import type { Perform } from '../context.ts'
import { examples } from '../examples.ts'

export function storeCommands(program: Command, perform: Perform): void {
  const store = program.command('store').description('the coordinator\'s store')
  store.command('backup').description('copy the store while the coordinator runs').argument('<file>', 'a new file; mode 0600')
    .addHelpText('after', examples('pitstop store backup /var/backups/pitstop-$(date +%F).db'))
    .action(perform(async (context, command) => {
      const [file = ''] = command.args
      if (existsSync(file)) throw new Fault('INVALID_INPUT', `${file} is there already`, { hint: 'name a new file, or remove that one first' })
      const bytes = await context.client.download('/store/backup')
      try {
        await replaceFile(file, bytes)
      } catch (error) {
        throw new Fault('INVALID_INPUT', `${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, { cause: error, hint: 'check the folder, its permissions and its free space' })
      }
      context.print({ file, bytes: bytes.length }, () => [`${file}: ${bytes.length} bytes; keep the break-glass file and store-memory.json with it`])
    }))
}
