// `pitstop node list|show|patch|retry|skip|write-off`.
import type { Command } from 'commander'
import { formatDuration } from '@pitstop/shared/duration'
import type { InventoryReading } from '../../adapters/inventory/port.ts'
import type { NodeView, WindowView } from '../../domain/view.ts'
import { Fault } from '@pitstop/shared/fault'
import type { Perform } from '../context.ts'
import { examples } from '../examples.ts'
import { durationOf, wholeOf } from '../instant.ts'
import { type PolicyOptions, addPolicyOptions, policyWishes } from '../policy-options.ts'
import { table } from '../table.ts'
import { watchWindow } from '../watch/watch-window.ts'

const path = (command: Command, verb = ''): string => `/nodes/${encodeURIComponent(String(command.args[0]))}${verb}`
const seenOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : wholeOf(text, '--seen', 0))

export function nodeCommands(program: Command, perform: Perform): void {
  const node = program.command('node').description('look at nodes, and tell single ones what to do')
    .addHelpText('after', examples('pitstop node list', 'pitstop node show gitaly-03.internal', 'pitstop node retry gitaly-03.internal --reason "data disk mounted"'))

  node.command('list').description('nodes of the open window, or of the latest')
    .option('--inventory', 'what the inventory says now, instead')
    .addHelpText('after', examples('pitstop node list', 'pitstop node list --inventory'))
    .action(perform(async (context, command) => {
      if (command.opts<{ inventory?: boolean }>().inventory === true) {
        const reading = await context.client.get<InventoryReading>('/inventory')
        context.print(reading, () => describeInventory(reading))
        return
      }
      const answer = await context.client.get<{ plan: string | null, label: string | null, nodes: readonly NodeView[] }>('/nodes')
      context.print(answer, () => answer.plan === null ? ['there has been no window yet; see pitstop node list --inventory'] : [
        `plan ${answer.plan.slice(0, 12)}, window ${answer.label ?? ''}`,
        ...table(['NODE', 'PHASE', 'STEP', 'OUTAGE', 'WHY'], answer.nodes.map(({ node: name, phase, step, outageMs, reasons }) =>
          [name, phase, step ?? '', outageMs === null ? '' : formatDuration(outageMs), reasons[0]?.text ?? '']))])
    }))

  node.command('show').description('one node with its steps and reasons').argument('<fqdn>').addHelpText('after', examples('pitstop node show gitaly-03.internal'))
    .action(perform(async (context, command) => {
      const shown = await context.client.get<NodeView>(path(command))
      context.print(shown, () => describeNode(shown))
    }))

  addPolicyOptions(node.command('patch').description('plan and open a window of this one node, now').argument('<fqdn>')
    .requiredOption('--reason <text>', 'why; goes into the journal')
    .option('--for <duration>', 'when it closes', '2h').option('--watch', 'follow it'))
    .addHelpText('after', examples('pitstop node patch gitaly-03.internal --reason "CVE-2026-1234" --watch'))
    .action(perform(async (context, command) => {
      const given = command.opts<PolicyOptions & { reason: string, for: string, watch?: boolean }>()
      const view = await context.client.post<WindowView>(path(command, '/patch'), { reason: given.reason, forMs: durationOf(given.for, '--for'), policy: policyWishes(given) })
      if (given.watch === true) return await watchWindow(context, { plan: view.plan, stay: false, all: true })
      context.print(view, () => [`window ${view.window} of plan ${view.plan.slice(0, 12)} is open; follow it with: pitstop window watch`])
      return 'done'
    }))

  node.command('retry').description('judge a failed node again; or reboot it again, or begin it again').argument('<fqdn>')
    .requiredOption('--reason <text>', 'what you did about it').option('--reboot', 'another reboot').option('--again', 'from the first step')
    .option('--seen <version>', 'refuse if the node changed since')
    .addHelpText('after', examples('pitstop node retry gitaly-03.internal --reason "data disk mounted"', 'pitstop node retry gitaly-03.internal --reboot --reason "boot order mended"'))
    .action(perform(async (context, command) => {
      const { reason, reboot, again, seen } = command.opts<{ reason: string, reboot?: boolean, again?: boolean, seen?: string }>()
      if (reboot === true && again === true) throw new Fault('INVALID_INPUT', '--reboot and --again are two different things; give one')
      const mode = reboot === true ? 'reboot' : again === true ? 'again' : undefined
      const after = await context.client.post<NodeView>(path(command, '/retry'), { reason, mode, seen: seenOf(seen) })
      context.print(after, () => [`${after.node} is ${after.phase}; if the window is halted: once the node is healthy (pitstop node show ${after.node}), go on with: pitstop window resume --reason "…"`])
    }))

  for (const [verb, description] of [['skip', 'leave out a node that has not begun'], ['write-off', 'take over a failed node: its slot is freed, the budget stays spent, its weight is yours']] as const) {
    node.command(verb).description(description).argument('<fqdn>').requiredOption('--reason <text>', 'why; goes into the journal with your name')
      .option('--seen <version>', 'refuse if the node changed since').addHelpText('after', examples(`pitstop node ${verb} gitaly-03.internal --reason "change 4712"`))
      .action(perform(async (context, command) => {
        const { reason, seen } = command.opts<{ reason: string, seen?: string }>()
        const after = await context.client.post<NodeView>(path(command, `/${verb}`), { reason, seen: seenOf(seen) })
        context.print(after, () => [`${after.node} is ${after.phase}`])
      }))
  }
}

function describeInventory({ nodes, excluded }: InventoryReading): string[] {
  return [
    ...table(['NODE', 'ZONE', 'AGENT', 'STORAGES'], nodes.map((each) => [each.node, each.zone, each.address, each.storages.join(', ')])),
    ...excluded.length === 0 ? [] : ['', 'Left out:', ...excluded.flatMap(({ reasons }) => reasons.map(({ text }) => `  ${text}`))]
  ]
}

function describeNode(node: NodeView): string[] {
  return [
    `${node.node} (${node.zone}): ${node.phase}${node.overdue ? ', overdue' : ''}${node.holdsSlot ? ', holds a slot' : ''}; attempt ${node.attempt}, version ${node.version}`,
    `  storages ${node.storages.join(', ')}`,
    ...node.steps.map(({ step, status, ms }) => `  ${step.padEnd(16)} ${status}${ms === null ? '' : ` in ${formatDuration(ms)}`}`),
    ...node.outageMs === null ? [] : [`  outage ${formatDuration(node.outageMs)}`],
    ...node.reasons.flatMap(({ text, hint }) => [`  why: ${text}`, `  do:  ${hint}`])
  ]
}
