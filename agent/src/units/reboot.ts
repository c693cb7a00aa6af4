// The body of a reboot order's unit: wait for its moment, look once more, then the point of no return: stop Gitaly,
// mark its log, reboot. Each fact is on disk before the next effect. Must never stop Gitaly without having won the decision.
import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { reason } from '@pitstop/shared/fault'
import type { StopMark } from '../domain/order-record.ts'
import { begin, outcome } from './begin.ts'
import type { UnitContext } from './unit-context.ts'

export async function reboot(context: UnitContext): Promise<void> {
  const { store, id, files, manager, now } = context
  const order = store.read(id)
  if (order?.accepted?.reboot === undefined) return
  const wait = order.accepted.acceptedAtMs + order.accepted.reboot.delayMs - now()
  if (wait > 0) await sleep(Math.min(wait, order.accepted.reboot.delayMs))
  const begunAtMs = await begin(context)
  if (begunAtMs === undefined) return
  const stopBegunAtMs = now()
  store.markStop(id, { stopBegunAtMs, stoppedAtMs: 0, stopNote: '', rebootRequestedAtMs: 0 })
  const stopNote = await manager.stop()
  const stoppedAtMs = now()
  const mark: StopMark = { stopBegunAtMs, stoppedAtMs, stopNote, ...logEnd(files.logPath), rebootRequestedAtMs: now() }
  // One durable write inside the outage: the mark and the request, just before the request is made.
  store.markStop(id, mark)
  await goDown(context, begunAtMs, mark)
}

async function goDown(context: UnitContext, begunAtMs: number, mark: StopMark): Promise<void> {
  const { store, id, run, manager, now } = context
  const result = await run({ argv: ['systemctl', 'reboot'], deadlineMs: 60_000 }).catch((error: unknown) => String(error))
  // A time-out proves nothing: the host may be on its way down. The agent derives the state from the boot id.
  if (typeof result !== 'string' && (result.code === 0 || result.timedOut)) return
  const said = typeof result === 'string' ? result : `systemctl reboot ended with ${result.code ?? result.signal}: ${result.stderr.trim()}`
  // The host stays up, so its users shall have Gitaly back.
  const started = await manager.start()
  const restarted = started === '' ? 'Gitaly was started again' : `Gitaly could not be started again: ${started}`
  store.markStop(id, { ...mark, rebootRequestedAtMs: 0 })
  store.finish(id, outcome('failed', now(), begunAtMs, [reason('NOT_REBOOTED', `${said}; ${restarted}`)]))
}

function logEnd(path: string): Pick<StopMark, 'log'> {
  try {
    const { ino, size } = statSync(path)
    return { log: { inode: ino, offset: size } }
  } catch { return {} }
}
