// `pitstop status|preflight|freeze|unfreeze|lease show`: the fleet as a whole.
import type { Command } from 'commander'
import { formatDuration } from '@pitstop/shared/duration'
import type { Reason } from '@pitstop/shared/fault'
import { formatInstant } from '@pitstop/shared/instant'
import type { Excluded } from '../../domain/plan.ts'
import type { LeaseRow } from '../../ports.ts'
import type { Perform } from '../context.ts'
import { examples } from '../examples.ts'

interface Status {
  readonly fleet: string, readonly version: string, readonly acting: boolean, readonly holder: string | null, readonly address: string | null, readonly epoch: number | null
  readonly frozen: { readonly by: string, readonly reason: string } | null
  /** Missing before 0.2. */
  readonly restored?: { readonly at: number, readonly reasons: readonly Reason[], readonly promises: number } | null
  readonly window: { readonly plan: string, readonly window: number, readonly label: string, readonly by: string, readonly nodes: number, readonly done: number, readonly failures: number } | null
}

interface Checked {
  /** Missing before 0.2. */
  readonly remarks?: readonly string[]
  readonly problems: readonly Reason[], readonly warnings: readonly Reason[], readonly nodes: number, readonly excluded: readonly Excluded[]
}

export function fleetCommands(program: Command, perform: Perform): void {
  program.command('status').description('who acts, frozen or not, and the window in one line').addHelpText('after', examples('pitstop status'))
    .action(perform(async (context) => {
      const status = await context.client.get<Status>('/status')
      const { window, frozen, restored = null } = status
      context.print(status, () => [
        `fleet ${status.fleet}: ${status.acting ? 'acting' : 'standing by'}; ${status.holder ?? 'nobody'} at ${status.address ?? '?'} holds the lease, epoch ${status.epoch ?? '?'}`,
        ...frozen === null ? [] : [`FROZEN by ${frozen.by}: ${frozen.reason}`],
        ...restored === null ? [] : describeRestored(restored),
        window === null ? 'no window yet' : `window ${window.window} of plan ${window.plan.slice(0, 12)} is ${window.label}: ${window.done} of ${window.nodes} nodes done, ${window.failures} failed`
      ])
    }))

  program.command('preflight').description('rights, certificates, tokens and inventory, proven without effect').argument('[plan]', 'for this plan; else for the whole inventory')
    .addHelpText('after', examples('pitstop preflight', 'pitstop preflight 3f9a21c0'))
    .action(perform(async (context, command) => {
      const checked = await context.client.post<Checked>('/preflight', { plan: command.args[0] })
      context.print(checked, () => describePreflight(checked))
      return checked.problems.length > 0 ? 'refused' : 'done'
    }))

  for (const [verb, description] of [['freeze', 'stop every effect, at once; looking goes on'], ['unfreeze', 'allow effects again']] as const) {
    program.command(verb).description(description).requiredOption('--reason <text>', 'why; goes into the journal with your name')
      .addHelpText('after', examples(`pitstop ${verb} --reason "incident 815"`))
      .action(perform(async (context, command) => {
        const after = await context.client.post<Status>(`/${verb}`, { reason: command.opts<{ reason: string }>().reason })
        context.print(after, () => [after.frozen === null ? 'not frozen: effects are allowed' : `frozen by ${after.frozen.by}: ${after.frozen.reason}`])
      }))
  }

  const lease = program.command('lease').description('the fleet lease: the right to act')
    .addHelpText('after', examples('pitstop lease show'))
  lease.command('show').description('who holds it, with which epoch, until when').addHelpText('after', examples('pitstop lease show'))
    .action(perform(async (context) => {
      const shown = await context.client.get<{ acting: boolean, lease: LeaseRow | null, expiresInMs: number | null, renewedMs?: number | null }>('/lease')
      context.print(shown, () => [shown.lease === null ? 'nobody has ever held the lease'
        : `${shown.lease.holder} at ${shown.lease.address}, epoch ${shown.lease.epoch}; ${shown.renewedMs === undefined || shown.renewedMs === null ? '' : `last renewed ${formatDuration(shown.renewedMs)} ago; `}${(shown.expiresInMs ?? 0) > 0 ? `ends in ${formatDuration(shown.expiresInMs ?? 0)} unless renewed` : 'it has ended'}${shown.acting ? '; acting' : ''}`])
    }))
}

/** A line holds so many reasons; all of them are in `--json`. */
const mostTold = 3

const describeRestored = ({ at, reasons, promises }: { readonly at: number, readonly reasons: readonly Reason[], readonly promises: number }): string[] => [
  `STORE RESTORED, found ${formatInstant(at)}: ${reasons.slice(0, mostTold).map(({ text }) => text).join('; ')}${reasons.length > mostTold ? `; and ${reasons.length - mostTold} more` : ''}`,
  `  do: ${promises > 0 ? `settle ${promises} promise${promises === 1 ? '' : 's'} that it had lost: pitstop obligations` : 'compare journal, hosts and GitLab; then resume or abort the window, or open another'}`
]

export function describePreflight({ problems, warnings, remarks = [], nodes, excluded }: Checked): string[] {
  const list = (title: string, reasons: readonly Reason[]): string[] => reasons.length === 0 ? [] : [title, ...reasons.flatMap(({ text, hint }) => [`  ${text}`, `    do: ${hint}`])]
  return [
    ...list('In the way:', problems),
    ...list('To know:', warnings),
    ...list('Left out:', excluded.flatMap(({ reasons }) => reasons)),
    ...remarks.length === 0 ? [] : ['Seen:', ...remarks.map((text) => `  ${text}`)],
    problems.length > 0 ? `NOT READY: ${problems.length} problem${problems.length === 1 ? '' : 's'}` : `ready: ${nodes} nodes`
  ]
}
