// What systemd runs when the unit of a reboot has ended, however it ended (ExecStopPost). The unit's own process may have
// been killed between Gitaly's stop and the reboot: then Gitaly is given back here, and the order gets its outcome.
// Must do nothing when the reboot is under way, and nothing for an order that never began.
import { reason } from '@pitstop/shared/fault'
import { goesDown, requestSettlesMs } from '../adapters/going-down.ts'
import { outcome } from './begin.ts'
import { giveBack } from './give-back.ts'
import type { UnitContext } from './unit-context.ts'

/** How systemd says that the unit's process ended: SERVICE_RESULT, EXIT_CODE, EXIT_STATUS of systemd.exec(5). */
export interface UnitEnd {
  readonly result: string
  readonly code: string
  readonly status: string
}

export async function unitEnded(context: UnitContext, end: UnitEnd): Promise<void> {
  const { store, id, files, run, now } = context
  const order = store.read(id)
  if (order?.accepted?.step !== 'reboot' || order.decision?.kind !== 'begun' || order.outcome !== undefined) return
  if (order.accepted.bootId !== files.bootId()) return
  const { mark, decision } = order
  const requested = mark !== undefined && mark.rebootRequestedAtMs > 0
  // Also when it ended well: it may have been told to while others still delayed the shutdown.
  if (await goesDown(run, { settleMs: requested ? await requestSettlesMs(run) : 0 })) return
  const said = `the unit of ${id} ended (${[end.result, end.code, end.status].filter((word) => word !== '').join(', ') || 'nobody knows how'}) before the host went down`
  if (mark === undefined) store.finish(id, outcome('failed', now(), decision.atMs, [reason('NOT_REBOOTED', `${said}; Gitaly was not touched`)]))
  else await giveBack(context, decision.atMs, mark, said)
}
