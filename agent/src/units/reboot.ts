// The body of a reboot order's unit: wait for its moment, look once more, then the point of no return: stop Gitaly,
// mark its log, reboot. Each fact is on disk before the next effect. Must never stop Gitaly without having won the decision.
import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { countRequests } from '../adapters/gitaly-metrics.ts'
import { goesDown } from '../adapters/going-down.ts'
import type { StopMark } from '../domain/order-record.ts'
import { stopNotes } from '../domain/stop-notes.ts'
import { beginBehindHooks } from '../hooks/begin-behind-hooks.ts'
import { giveBack } from './give-back.ts'
import type { UnitContext } from './unit-context.ts'

export async function reboot(context: UnitContext): Promise<void> {
  const { store, id, files, manager, settings, now } = context
  const order = store.read(id)
  if (order?.accepted?.reboot === undefined) return
  const wait = order.accepted.acceptedAtMs + order.accepted.reboot.delayMs - now()
  if (wait > 0) await sleep(Math.min(wait, order.accepted.reboot.delayMs))
  // In the slot, and before the outage: Gitaly still serves while they run.
  const begunAtMs = await beginBehindHooks(context, 'before-reboot')
  if (begunAtMs === undefined) return
  // Gitaly still serves: what it is working on will have to end before it does.
  const requestsInFlight = await countRequests(settings.gitaly.metrics)
  // From here on the node is finished, also when systemd wants this process to end: the shutdown that it asks for does.
  process.on('SIGTERM', stay)
  const stopBegunAtMs = now()
  store.markStop(id, { stopBegunAtMs, stoppedAtMs: 0, stopNote: '', requestsInFlight, rebootRequestedAtMs: 0 })
  // However the stop went: behind this line the node is finished. The shutdown ends what still runs.
  const stopNote = await manager.stop()
  const stoppedAtMs = now()
  const mark: StopMark = { stopBegunAtMs, stoppedAtMs, stopNote, requestsInFlight, ...logEnd(files.logPath), rebootRequestedAtMs: now() }
  // One durable write inside the outage: the mark and the request, just before the request is made.
  store.markStop(id, mark)
  process.stderr.write(`${stopNotes(mark).join('; ')}\n`)
  await goDown(context, begunAtMs, mark, messageOf(id, order.accepted.reason))
  process.off('SIGTERM', stay)
}

/** Shown to who is logged in, and kept in the journal. Of one line and not for ever: the reason came over the network. */
const messageOf = (id: string, why: string): string => `pitstop ${id}${why === '' ? '' : `: ${why.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 200)}`}`

/** Until the first sign of a shutdown whose request was not answered in time. */
const requestSettlesMs = 10_000

async function goDown(context: UnitContext, begunAtMs: number, mark: StopMark, message: string): Promise<void> {
  const { run, store, id } = context
  const result = await run({ argv: ['systemctl', 'reboot', `--message=${message}`], deadlineMs: 60_000 }).catch((error: unknown) => String(error))
  if (typeof result !== 'string' && result.code === 0) { store.markGoingDown(id); return }
  const cutOff = typeof result !== 'string' && (result.timedOut || result.signal !== null)
  const said = typeof result === 'string' ? result : result.timedOut ? 'systemctl reboot gave no answer'
    : `systemctl reboot ended with ${result.code ?? result.signal}: ${`${result.stderr}${result.stdout}`.trim()}`
  // No answer, and an end by a signal, prove nothing: the shutdown itself may have cut it off.
  if (await goesDown(run, cutOff ? requestSettlesMs : 0)) { store.markGoingDown(id); return }
  await giveBack(context, begunAtMs, mark, said)
}

const stay = (): void => { process.stderr.write('told to end; the reboot is finished first\n') }

function logEnd(path: string): Pick<StopMark, 'log'> {
  try {
    const { ino, size } = statSync(path)
    return { log: { inode: ino, offset: size } }
  } catch (error) {
    // Without a mark the whole log will be judged: too much is the safe side.
    process.stderr.write(`Gitaly's log cannot be marked: ${String(error)}\n`)
    return {}
  }
}
