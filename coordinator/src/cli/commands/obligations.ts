// `pitstop obligations [list|hand-over]`: what has to be put back, and how a person does it by hand.
import type { Command } from 'commander'
import { wordedPrevious } from '../../domain/break-glass-lines.ts'
import type { ObligationView } from '../../domain/view.ts'
import type { Perform } from '../context.ts'
import { examples } from '../examples.ts'

export function obligationCommands(program: Command, perform: Perform): void {
  const obligations = program.command('obligations').description('what pitstop has promised to put back')
    .addHelpText('after', examples('pitstop obligations --open', 'pitstop obligations hand-over weight:nfs-file03 --reason "storage is being retired"'))

  obligations.command('list', { isDefault: true }).description('every promise of the window; open ones with why and how').option('--open', 'only what is not settled')
    .addHelpText('after', examples('pitstop obligations', 'pitstop obligations --open'))
    .action(perform(async (context, command) => {
      const { obligations: all } = await context.client.get<{ obligations: readonly ObligationView[] }>('/obligations')
      const shown = command.opts<{ open?: boolean }>().open === true ? all.filter(({ status }) => status === 'open') : all
      context.print(shown, () => shown.length === 0 ? ['nothing has to be put back'] : shown.flatMap(describeObligation))
    }))

  obligations.command('hand-over').description('take a promise over: pitstop will not keep it, you will').argument('<id>', 'as pitstop obligations lists it')
    .requiredOption('--reason <text>', 'why; goes into the journal with your name')
    .addHelpText('after', examples('pitstop obligations hand-over weight:nfs-file03 --reason "storage is being retired"'))
    .action(perform(async (context, command) => {
      const id = String(command.args[0])
      const view = await context.client.post<{ shown?: string }>(`/obligations/${encodeURIComponent(id)}/hand-over`, { reason: command.opts<{ reason: string }>().reason })
      context.print(view, () => [`${id} is yours now${view.shown === undefined ? '' : `; ${view.shown}`}`])
    }))
}

export function describeObligation({ id, kind, node, previous, status, settledBy, text, because, payByHand }: ObligationView): string[] {
  return [
    `${id}${node === null ? '' : ` (${node})`}: was ${wordedPrevious({ kind, previous })}; ${status}${settledBy === null ? '' : ` by ${settledBy}`}${text === null ? '' : `: ${text}`}`,
    ...because === null ? [] : [`  why: ${because.text}`],
    ...payByHand === null ? [] : [`  by hand: ${payByHand}`]
  ]
}
