// `pitstop window start|watch|pause|resume|abort|show`.
import type { Command } from 'commander'
import { Fault } from '@pitstop/shared/fault'
import type { WindowView } from '../../domain/view.ts'
import type { Context, Perform } from '../context.ts'
import { examples } from '../examples.ts'
import { wholeOf } from '../instant.ts'
import { liveView } from '../watch/live-view.ts'
import { coloured, plain } from '../watch/paint.ts'
import { closingSummary } from '../watch/summary.ts'
import { watchWindow } from '../watch/watch-window.ts'
import { type ShownPlan, describePlan } from './plan.ts'

interface WatchOptions { stay?: boolean, lines?: boolean }

const watchOptions = (command: Command): Command => command
  .option('--stay', 'keep watching when it halts').option('--lines', 'a line per event, also on a terminal')

export function windowCommands(program: Command, perform: Perform): void {
  const window = program.command('window').description('open a window of a plan, follow it, and tell it what to do')
    .addHelpText('after', examples('pitstop window start 3f9a21c0 --reason "change 4711" --watch', 'pitstop window show', 'pitstop window pause --reason "incident 815"'))

  watchOptions(window.command('start').description('open a window of a plan').argument('<plan>', 'its hash, or the beginning of it')
    .requiredOption('--reason <text>', 'why; goes into the journal')
    .option('--confirm <hash>', 'at least 8 characters of the hash; asked for on a terminal')
    .option('--watch', 'follow it'))
    .addHelpText('after', examples('pitstop window start 3f9a21c0 --reason "change 4711"', 'pitstop window start 3f9a21c0 --confirm 3f9a21c0b7de --reason "change 4711" --watch'))
    .action(perform(async (context, command) => {
      const given = command.opts<{ reason: string, confirm?: string, watch?: boolean } & WatchOptions>()
      const plan = await context.client.get<ShownPlan>(`/plans/${encodeURIComponent(String(command.args[0]))}`)
      const view = await context.client.post<WindowView>('/window', { plan: plan.hash, reason: given.reason, confirm: given.confirm ?? await askHash(context, plan) })
      if (given.watch === true) return await watchWindow(context, { plan: plan.hash, stay: given.stay ?? false, lines: given.lines, all: true })
      context.print(view, () => [`window ${view.window} of plan ${view.plan.slice(0, 12)} is open; follow it with: pitstop window watch`])
      return 'done'
    }))

  watchOptions(window.command('watch').description('follow the open window; ends when it closes (exit 0, 4 or 5) or halts (5)')
    .option('--plan <hash>', 'the latest window of this plan').option('--all', 'lines from the opening on, not from now on'))
    .addHelpText('after', examples('pitstop window watch', 'pitstop window watch --lines --all | tee window.log', 'pitstop window watch --json | jq -c .event'))
    .action(perform((context, command) => {
      const { plan, stay, lines, all } = command.opts<WatchOptions & { plan?: string, all?: boolean }>()
      return watchWindow(context, { plan, stay: stay ?? false, lines, all })
    }))

  window.command('show').description('the open window, or the latest, as it is now').option('--plan <hash>', 'of this plan')
    .addHelpText('after', examples('pitstop window show', 'pitstop window show --json | jq .version'))
    .action(perform(async (context, command) => {
      const { plan } = command.opts<{ plan?: string }>()
      const view = await context.client.get<WindowView>(`/window${plan === undefined ? '' : `?plan=${encodeURIComponent(plan)}`}`)
      context.print(view, () => describeWindow(context, view))
    }))

  const told = (verb: string, description: string, example: string): Command => window.command(verb).description(description)
    .requiredOption('--reason <text>', 'why; goes into the journal with your name').option('--seen <version>', 'refuse if it changed since, where that matters')
    .addHelpText('after', examples(example))
  const tell = (verb: string, more: (given: Record<string, string>) => object = () => ({})) => perform(async (context, command) => {
    const given = command.opts<Record<string, string>>()
    const seen = given['seen'] === undefined ? undefined : wholeOf(given['seen'], '--seen', 0)
    const view = await context.client.post<WindowView>(`/window/${verb}`, { reason: given['reason'], seen, ...more(given) })
    context.print(view, () => describeWindow(context, view))
  })

  told('pause', 'start nothing new; what runs goes on', 'pitstop window pause --reason "incident 815"').action(tell('pause'))
  told('resume', 'go on after a halt or a pause', 'pitstop window resume --reason "gitaly-03 is back"')
    .option('--raise-budget <n>', 'accept so many more failed nodes', '0')
    .action(tell('resume', (given) => ({ raiseBudgetBy: wholeOf(given['raiseBudget'] ?? '0', '--raise-budget', 0) })))
  told('abort', 'take back what is before the point of no return, finish the rest, pay all promises', 'pitstop window abort --reason "change withdrawn"').action(tell('abort'))
}

function describeWindow({ terminal }: Context, view: WindowView): string[] {
  const { columns } = terminal.size()
  const paint = terminal.colour ? coloured : plain
  return view.phase === 'closed' ? closingSummary(view, columns, paint) : liveView(view, Date.now(), columns, { paint })
}

/** The person types what was read; nothing is opened by an Enter too many. */
async function askHash({ terminal, json }: Context, plan: ShownPlan): Promise<string> {
  if (!terminal.interactive || json) throw new Fault('INVALID_INPUT', 'opening a window needs --confirm when nobody can be asked', { hint: `read the plan, then add: --confirm ${plan.hash.slice(0, 12)}` })
  terminal.err(`${describePlan(plan).join('\n')}\n\n`)
  return await terminal.ask(`Type the first 8 or more characters of the plan's hash to open it: `)
}
