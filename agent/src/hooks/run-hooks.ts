// Runs the hooks of one directory, one after the other, each as root with its own deadline. The promise to undo a hook is
// on disk before the hook runs. Must never start a file that somebody else than root could have changed. Used by the
// order's units and, after the boot, by the agent: imports nothing heavy.
import { writeFileSync } from 'node:fs'
import { asFault, type Reason, reason } from '@pitstop/shared/fault'
import type { Hooks } from '../adapters/hooks.ts'
import type { ObligationStore } from '../adapters/obligation-store.ts'
import type { OrderStore } from '../adapters/order-store.ts'
import type { Hook } from '../domain/hook.ts'
import { hookFailure } from '../domain/hook-result.ts'
import type { Obligation } from '../domain/obligation.ts'
import type { AcceptedOrder } from '../domain/order-record.ts'
import type { HostSettings, RunCommand } from '../ports.ts'

export interface HookParts {
  readonly run: RunCommand
  readonly hooks: Hooks
  readonly promises: ObligationStore
  readonly store: OrderStore
  readonly settings: HostSettings['hooks']
  readonly bootId: string
  readonly now: () => number
}

export interface HookRun {
  readonly ran: readonly string[]
  /** What is to be undone, in the order in which it was promised. */
  readonly promised: readonly Obligation[]
  /** Why it ended early; none = all hooks did their work. */
  readonly reasons: readonly Reason[]
}

/** Of each stream; the end of it is what counts. */
const outputCap = 64 * 1024

/** @param notAfterMs no hook works longer than until then: the order could not begin any more. */
export async function runHooks(parts: HookParts, hooks: readonly Hook[], order: AcceptedOrder, notAfterMs: () => number): Promise<HookRun> {
  const ran: string[] = []
  const promised: Obligation[] = []
  for (const hook of hooks) {
    const deadlineMs = Math.min(parts.settings.deadlineMs, notAfterMs() - parts.now())
    if (deadlineMs <= 0) return { ran, promised, reasons: [reason('EXPIRED', `the order's not-after came before hook ${titleOf(hook)} could run`)] }
    try {
      // Again, right before its start: what was asked at admission may have changed since.
      const distrusted = [hook.path, ...hook.undo === undefined ? [] : [hook.undo]].flatMap((path) => parts.hooks.distrusted(path))
      if (distrusted.length > 0) return { ran, promised, reasons: distrusted }
      if (hook.undo !== undefined) promised.push(promiseUndo(parts, hook, hook.undo, order, notAfterMs()))
      ran.push(titleOf(hook))
      const failure = await runHook(parts, hook, order, deadlineMs)
      if (failure !== undefined) return { ran, promised, reasons: [failure] }
    } catch (error) {
      const { code, text, hint } = asFault(error).toReason()
      return { ran, promised, reasons: [reason('HOOK_FAILED', `hook ${titleOf(hook)} could not be run: ${code} ${text}`, hint)] }
    }
  }
  return { ran, promised, reasons: [] }
}

const titleOf = ({ stage, name }: Hook): string => `${stage}/${name}`

async function runHook({ run, store, bootId }: HookParts, hook: Hook, order: AcceptedOrder, deadlineMs: number): Promise<Reason | undefined> {
  const result = await run({ argv: [hook.path], deadlineMs, outputCap, env: environmentOf(order, bootId) })
  const kept = store.pathOf(order.id, `hook-${hook.stage}-${hook.name}.log`)
  writeFileSync(kept, `${result.stdout}${result.stderr === '' ? '' : `--- stderr ---\n${result.stderr}`}`, { mode: 0o600 })
  return hookFailure(titleOf(hook), result, deadlineMs, kept)
}

const environmentOf = (order: AcceptedOrder, bootId: string): Readonly<Record<string, string>> => ({
  PITSTOP_NODE: order.node,
  PITSTOP_FLEET: order.fleet,
  PITSTOP_ORDER: order.id,
  PITSTOP_STEP: order.step,
  PITSTOP_REASON: order.reason,
  PITSTOP_BOOT_ID: bootId
})

function promiseUndo({ promises, settings, bootId, now }: HookParts, hook: Hook, undo: string, order: AcceptedOrder, notAfterMs: number): Obligation {
  return promises.promise({
    id: `hook-${order.id}-${hook.stage}-${hook.name}`,
    kind: 'hook',
    orderId: order.id,
    planHash: order.planHash,
    what: `undo hook ${titleOf(hook)}`,
    pay: [[undo]],
    environment: environmentOf(order, bootId),
    deadlineMs: settings.deadlineMs,
    madeAtMs: now(),
    payable: 'node-done',
    dueAtMs: Math.max(now() + settings.undoAfterMs, Number.isFinite(notAfterMs) ? notAfterMs : 0),
    boundToBoot: ''
  })
}
