// `pitstop init`: writes a commented configuration to start from. An existing file is never replaced.
import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import { Fault } from '@pitstop/shared/fault'
import { unwritable } from '../../adapters/file-fault.ts'
import { groupToGive } from '../../adapters/service-account.ts'
import { configurationTemplate } from '../../config/template.ts'
import { parseSettings } from '../../config.ts'
import type { Perform } from '../context.ts'
import { examples } from '../examples.ts'

export function initCommand(program: Command, perform: Perform): void {
  program.command('init').description('write a commented configuration to start from').option('--output <file>', 'into this file instead of stdout')
    .option('--fleet <name>', 'name of the fleet', 'gprd')
    .addHelpText('after', examples('pitstop init', 'pitstop init --fleet gprd --output /etc/pitstop/coordinator.yml'))
    .action(perform(async (context, command) => {
      const { output, fleet } = command.opts<{ output?: string, fleet: string }>()
      const text = configurationTemplate(fleet)
      // What is written can be read: a bad fleet name is told now.
      parseSettings(output ?? 'init', text)
      if (output === undefined) {
        context.print({ configuration: text }, () => [text.trimEnd()])
        return
      }
      await writeNew(output, text)
      context.print({ output }, () => [`${output} is written; edit it, then: pitstop coordinator --check --config ${output}`])
    }))
}

/** @param group of the service, which has to read it; undefined: the caller's. */
export async function writeNew(path: string, text: string, group = groupToGive()): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o640)
    try {
      await file.writeFile(text)
      if (group !== undefined) await file.chown(0, group)
      if (group !== undefined) await file.chmod(0o640)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST'
      ? new Fault('INVALID_INPUT', `${path} exists already and is not replaced`, { hint: 'move it away first, or name another file with --output' })
      : unwritable(path, error)
  }
}
