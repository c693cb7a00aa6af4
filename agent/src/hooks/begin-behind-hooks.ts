// The order's hooks, then the decision to begin: a hook that fails is a clean refusal, because nothing has begun. What the
// hooks did is put back at once when the order is not carried out. Costs nothing where there is no hook: the unit of a
// reboot holds a slot. Runs inside the order's unit.
import { reason, type Reason } from '@pitstop/shared/fault'
import type { HookStage } from '../domain/hook.ts'
import type { Obligation } from '../domain/obligation.ts'
import { payAll } from '../obligations/pay.ts'
import { begin, outcome, reasonsUnlessOvertaken } from '../units/begin.ts'
import type { UnitContext } from '../units/unit-context.ts'
import { runHooks } from './run-hooks.ts'

/** As `begin`: when it began; undefined = it may not, and why is on disk, unless it was overtaken. */
export async function beginBehindHooks(context: UnitContext, stage: HookStage, beside?: () => void): Promise<number | undefined> {
  const { store, id, hooks: all, settings, files } = context
  const { hooks, problems } = all.read(stage)
  const accepted = store.read(id)?.accepted
  if (accepted === undefined) return undefined
  if (hooks.length === 0 && problems.length === 0) return await begin(context, beside)
  // What may not begin anyway runs no hook. That is the last word: who asked again might find nothing, and begin without them.
  const against = await reasonsUnlessOvertaken(context)
  if (against === undefined) return undefined
  if (against.length > 0 || problems.length > 0) {
    refuse(context, against.length > 0 ? against : problems)
    return undefined
  }
  const parts = { ...context, settings: settings.hooks, bootId: files.bootId() }
  const { reasons, promised } = await runHooks(parts, hooks, accepted, () => store.read(id)?.grant?.notAfterMs ?? 0)
  if (reasons.length > 0) {
    const stuck = await undo(context, promised)
    refuse(context, [...reasons, ...stuck])
    return undefined
  }
  const begunAtMs = await begin(context, beside)
  if (begunAtMs === undefined && !isBegun(context)) await undo(context, promised)
  return begunAtMs
}

/** Unless somebody has decided otherwise meanwhile: that holds. */
function refuse({ store, id, now }: UnitContext, reasons: readonly Reason[]): void {
  const files = store.read(id)
  if (files?.outcome === undefined && files?.decision === undefined) store.finish(id, outcome('vetoed', now(), 0, reasons))
}

/** Another process of this order has begun it: the hooks' work is needed. */
function isBegun({ store, id }: UnitContext): boolean {
  const { decision, outcome } = store.read(id) ?? {}
  return decision?.kind === 'begun' && outcome?.status !== 'vetoed'
}

/** What cannot be undone now stays promised: the agent goes on trying. */
async function undo(context: UnitContext, promised: readonly Obligation[]): Promise<readonly Reason[]> {
  return (await payAll(context, promised)).map((text) => reason('HOOK_FAILED', `not undone yet: ${text}`, 'on the host: pitstop-agent pay'))
}
