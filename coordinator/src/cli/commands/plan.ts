// `pitstop plan create|show|list`.
import type { Command } from 'commander'
import { formatDuration } from '@pitstop/shared/duration'
import { Fault } from '@pitstop/shared/fault'
import { formatInstant } from '@pitstop/shared/instant'
import type { Plan } from '../../domain/plan.ts'
import { tooShort } from '../../domain/preflight.ts'
import type { Perform } from '../context.ts'
import { examples } from '../examples.ts'
import { durationOf, parseInstant } from '../instant.ts'
import { type PolicyOptions, addGroupOptions, addPolicyOptions, policyWishes } from '../policy-options.ts'
import { table } from '../table.ts'

export type ShownPlan = Plan & { readonly hash: string }
interface PlanSummary { readonly hash: string, readonly createdAt: number, readonly createdBy: string, readonly reason: string, readonly opensAt: number, readonly closesAt: number, readonly nodes: number, readonly excluded: number, readonly estimateMs: number }

interface CreateOptions extends PolicyOptions { reason: string, opens: string, closes?: string, for?: string, zone?: string, node?: string[] }

export function planCommands(program: Command, perform: Perform): void {
  const plan = program.command('plan').description('make and read plans; a plan never changes and is known by its hash')
    .addHelpText('after', examples('pitstop plan create --for 6h --group-size 2 --reason "change 4711"', 'pitstop plan list', 'pitstop plan show 3f9a21c0'))

  addPolicyOptions(addGroupOptions(plan.command('create').description('make a plan from the inventory; changes nothing anywhere')
    .requiredOption('--reason <text>', 'why; goes into the journal')
    .option('--opens <time>', 'when a window of it may open', 'now')
    .option('--closes <time>', 'when nothing of it may begin any more')
    .option('--for <duration>', 'instead of --closes: so long after opening')
    .option('--zone <name>', 'IANA time zone of times without an offset')
    .option('--node <fqdn...>', 'these nodes alone, instead of the whole inventory')))
    .addHelpText('after', examples('pitstop plan create --for 6h --group-size 2 --reason "change 4711"',
      'pitstop plan create --opens 22:00 --closes 06:00 --zone Europe/Berlin --reason "change 4711"',
      'pitstop plan create --for 1h --node gitaly-03.internal gitaly-04.internal --reason "kernel"'))
    .action(perform(async (context, command) => {
      const given = command.opts<CreateOptions>()
      const now = Date.now()
      const opensAt = parseInstant(given.opens, given.zone, now)
      const created = await context.client.post<ShownPlan>('/plans', {
        reason: given.reason, opensAt, closesAt: closingOf(given, opensAt), only: given.node?.map((name) => name.toLowerCase()), policy: policyWishes(given)
      })
      const short = tooShort(created, created.createdAt)
      if (short !== null) context.warn(`${short.text}; ${short.hint}`)
      context.print(created, () => [...describePlan(created), '', 'Open a window of it with:', `  pitstop window start ${created.hash.slice(0, 12)} --confirm ${created.hash.slice(0, 12)} --reason "…" --watch`])
    }))

  plan.command('show').description('one plan, whole').argument('<plan>', 'its hash, or the beginning of it')
    .addHelpText('after', examples('pitstop plan show 3f9a21c0', 'pitstop plan show 3f9a21c0 --json | jq .policy'))
    .action(perform(async (context, command) => {
      const shown = await context.client.get<ShownPlan>(`/plans/${encodeURIComponent(String(command.args[0]))}`)
      context.print(shown, () => describePlan(shown))
    }))

  plan.command('list').description('every plan, oldest first').addHelpText('after', examples('pitstop plan list'))
    .action(perform(async (context) => {
      const { plans } = await context.client.get<{ plans: readonly PlanSummary[] }>('/plans')
      context.print(plans, () => plans.length === 0 ? ['no plan yet; make one with: pitstop plan create'] : table(
        ['PLAN', 'NODES', 'OPENS', 'CLOSES', 'BY', 'REASON'],
        plans.map((each) => [each.hash.slice(0, 12), String(each.nodes), formatInstant(each.opensAt), formatInstant(each.closesAt), each.createdBy, each.reason])))
    }))
}

function closingOf(given: CreateOptions, opensAt: number): number {
  if ((given.closes === undefined) === (given.for === undefined)) throw new Fault('INVALID_INPUT', 'a plan needs exactly one of --closes and --for', { hint: 'add --for 6h, or --closes 06:00' })
  return given.for === undefined ? parseInstant(given.closes ?? '', given.zone, opensAt) : opensAt + durationOf(given.for, '--for')
}

export function describePlan(plan: ShownPlan): string[] {
  const { policy } = plan
  return [
    `plan ${plan.hash.slice(0, 12)} of fleet ${plan.fleet}, by ${plan.createdBy}: ${plan.reason}`,
    `  opens ${formatInstant(plan.opensAt)}, closes ${formatInstant(plan.closesAt)}; should take about ${formatDuration(plan.estimateMs)}`,
    `  ${policy.groupSize} down at once${policy.strictBatches ? ' in strict batches' : ''}, ${policy.prepareAhead} prepared ahead, halts at ${policy.failureBudget} failed`,
    `  ${policy.drain === 'none' ? 'NO DRAIN: new projects may be made on nodes that are down' : `weights to 0 first, at least ${policy.activeStorageFloor} storages stay active`}; assigner: ${policy.assigner}; reboot: ${policy.reboot}`,
    `  settle ${formatDuration(policy.settleMs)}, soak ${formatDuration(policy.soakMs)}, watch ${formatDuration(policy.watchMs)}`,
    '',
    ...table(['NODE', 'ZONE', 'PLATFORM', 'STORAGES'], plan.nodes.map(({ node, zone, platform, storages }) => [node, zone, platform, storages.join(', ')])),
    ...plan.excluded.length === 0 ? [] : ['', 'Left out:', ...plan.excluded.flatMap(({ node, reasons }) => reasons.map(({ text }) => (text.includes(node) ? `  ${text}` : `  ${node}: ${text}`)))]
  ]
}
