// The fleet as a whole: who acts, what holds things up, the freeze, and the checks before work.
/* oxlint-disable oxc/no-async-endpoint-handlers -- the rule is about Express; Fastify awaits its handlers. */
import { Type } from 'typebox'
import { type Reason, asFault, reason } from '@pitstop/shared/fault'
import { policyOf } from '../../config/policy-section.ts'
import type { Excluded, Plan } from '../../domain/plan.ts'
import type { Restored } from '../../domain/fleet-state.ts'
import type { WindowView } from '../../domain/view.ts'
import { actorOf } from '../access.ts'
import type { Api, ApiSettings, Served } from '../ports.ts'
import { preflightBody, reasonBody } from '../schema.ts'
import { firstWindowHint } from './window.ts'

const tags = ['fleet']
/** A preflight without a plan asks as if a window of this length opened now. */
const trialMs = 8 * 3_600_000

export function fleetRoutes(api: Api, coordinator: Served, settings: ApiSettings): void {
  const { fleet, version } = settings
  const fleetState = async (): Promise<object> => {
    const { acting, holder } = coordinator
    const frozen = await coordinator.readFrozen()
    return { fleet, version, acting, holder: holder?.holder ?? null, address: holder?.address ?? null, api: holder?.api ?? null, epoch: holder?.epoch ?? null, frozen: frozen === null ? null : { by: frozen.by, reason: frozen.reason } }
  }

  api.get('/status', { schema: { tags, summary: 'Who acts, frozen or not, and the window in one line' } }, async () => {
    const view = await coordinator.view()
    const window = view === null ? null : {
      plan: view.plan, window: view.window, label: view.label, by: view.by, openedAt: view.openedAt, closesAt: view.closesAt, slotsTaken: view.slotsTaken,
      groupSize: view.groupSize, nodes: view.nodes.length, done: view.nodes.filter(({ phase }) => phase === 'done' || phase === 'current').length,
      failures: view.failures, failureBudget: view.failureBudget
    }
    return { ...await fleetState(), window, restored: stillOfNote(await coordinator.readRestored(), view) }
  })

  api.get('/lease', { schema: { tags, summary: 'The fleet lease as the store has it' } }, async () => {
    const lease = await coordinator.lease()
    // Not by a clock that was set back: then the lease seems to end later than it was ever taken for.
    const renewedMs = lease?.ttlMs === undefined || lease.leftMs > lease.ttlMs || lease.leftMs === 0 ? null : lease.ttlMs - lease.leftMs
    return { acting: coordinator.acting, lease, expiresInMs: lease === null ? null : lease.leftMs, renewedMs }
  })

  api.get('/why', { schema: { tags, summary: 'Why things are not further along', querystring: Type.Object({ node: Type.Optional(Type.String({ maxLength: 253 })) }, { additionalProperties: false }) } }, async ({ query }) => {
    const { standing: notActing } = coordinator
    const frozen = await coordinator.readFrozen()
    const view = await coordinator.view()
    const standing: Reason[] = [
      ...(notActing === null ? [] : [notActing]),
      ...(await coordinator.lostPromises()).flatMap(({ because }) => (because === null ? [] : [because])),
      ...(frozen === null ? [] : [reason('FROZEN', `frozen by ${frozen.by}: ${frozen.reason}`)]),
      ...(view === null ? [reason('NO_WINDOW', 'there has been no window yet', await firstWindowHint(coordinator))] : []),
      ...(view?.phase === 'closed' ? [reason('NO_WINDOW', `window ${view.window} of plan ${view.plan.slice(0, 12)} is closed${endedAs(view)}`)] : [])
    ]
    // What held a closed window holds nothing any more, and its advice would be refused.
    const open = view?.phase === 'closed' ? null : view
    // Nor does a pause behind an abort, unless a person is asked again.
    const pause = open?.abort === null || open?.label === 'paused' ? open.pause : null
    const named = query.node?.toLowerCase()
    const nodes = (view?.nodes ?? []).filter(({ node, reasons }) => named === undefined ? reasons.length > 0 : node === named)
    if (named !== undefined && nodes.length === 0) standing.push(reason('NOT_FOUND', `${named} is not in ${view === null ? 'any window' : `plan ${view.plan.slice(0, 12)}`}`, 'pitstop node list'))
    return {
      label: view?.label ?? null, standing, gates: open?.gates ?? [], window: open?.reasons ?? [], halt: open?.halt?.reasons ?? [], pause: pause?.reasons ?? [],
      nodes: nodes.map(({ node, phase, step, reasons }) => ({ node, phase, step, reasons })),
      obligations: (view?.obligations ?? []).filter(({ status, node }) => status === 'open' && (named === undefined || node === named)).map(({ id, because }) => ({ id, because }))
    }
  })

  for (const kind of ['freeze', 'unfreeze'] as const) {
    api.post(`/${kind}`, { schema: { tags, summary: kind === 'freeze' ? 'Stop every effect, at once' : 'Allow effects again', body: reasonBody } }, async (request) => {
      await coordinator[kind](actorOf(request), request.body.reason)
      return await fleetState()
    })
  }

  // Not a GET: a copy of everything is an operator's.
  api.post('/store/backup', { schema: { tags, summary: 'A whole copy of the store as it is now: the bytes of an SQLite file' } }, async (_request, reply) =>
    reply.header('content-type', 'application/octet-stream').send(Buffer.from(await coordinator.backup())))

  api.post('/preflight', { schema: { tags, summary: 'Rights, certificates, tokens and inventory, proven without effect', body: preflightBody } }, async (request) => {
    try {
      const plan = request.body.plan === undefined ? await trialPlan(coordinator, settings, actorOf(request)) : (await coordinator.findPlan(request.body.plan)).plan
      return { ...await coordinator.preflight(plan), nodes: plan.nodes.length, excluded: plan.excluded }
    } catch (error) {
      const fault = asFault(error)
      if (fault.code === 'INTERNAL' || request.body.plan !== undefined) throw error
      return { problems: fault.reasons.length > 0 ? fault.reasons : [fault.toReason()], warnings: [], remarks: [], nodes: 0, excluded: [] as Excluded[] }
    }
  })
}

/** A restore is told until a person has dealt with it: settled its promises, and resumed or ended the window or opened another. */
function stillOfNote(restored: Restored | null, view: WindowView | null): Restored | null {
  if (restored === null) return null
  // Aborted or resumed since, a person has decided.
  const held = view?.label === 'paused' && view.pause?.reasons.some(({ code }) => code === 'STORE_RESTORED' || code === 'STALE_EPOCH') === true
  const untouched = (view === null || view.phase === 'closed') && (view?.closedAt ?? 0) < restored.at
  return restored.promises > 0 || held || untouched ? restored : null
}

/** What held a window when it ended, as the past that it is. */
function endedAs({ halt, pause }: WindowView): string {
  const held = [...halt === null ? [] : [{ how: 'halted', reasons: halt.reasons }], ...pause === null ? [] : [{ how: 'paused', reasons: pause.reasons }]]
  return held.map(({ how, reasons }) => `; it was ${how} when it ended: ${reasons.map(({ text }) => text).join('; ')}`).join('')
}

async function trialPlan(coordinator: Served, { policy, hasAssigner, now }: ApiSettings, by: string): Promise<Plan> {
  const opensAt = now()
  return (await coordinator.draftPlan({ by, reason: 'preflight', opensAt, closesAt: opensAt + trialMs, policy: policyOf(policy, hasAssigner) })).plan
}
