// A reboot that does not come, behind the point of no return: the host stays up, so its users shall have Gitaly back.
// Gitaly first, the books afterwards. Only for a host of which it is known that it does not go down.
import { reason } from '@pitstop/shared/fault'
import type { StopMark } from '../domain/order-record.ts'
import { outcome } from './begin.ts'
import type { UnitContext } from './unit-context.ts'

/** @param said why the reboot did not come. */
export async function giveBack({ store, id, manager, now }: UnitContext, begunAtMs: number, mark: StopMark, said: string): Promise<void> {
  // If this process dies here too, the end of its unit shall look again.
  store.unmarkGoingDown(id)
  const started = await manager.start()
  const text = `${said}; ${started === '' ? 'Gitaly was started again' : `Gitaly could not be started again: ${started}`}`
  process.stderr.write(`${text}\n`)
  store.markStop(id, { ...mark, rebootRequestedAtMs: 0 })
  store.finish(id, outcome('failed', now(), begunAtMs, [reason('NOT_REBOOTED', text)]))
}
