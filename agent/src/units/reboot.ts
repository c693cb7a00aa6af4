// The body of a reboot order's unit: wait for its moment, look once more, then the point of no return: stop Gitaly,
// mark its log, reboot. Each fact is on disk before the next effect. Must never stop Gitaly without having won the decision.
import { setTimeout as sleep } from 'node:timers/promises'
import { countRequests } from '../adapters/gitaly-metrics.ts'
import { goesDown, requestSettlesMs } from '../adapters/going-down.ts'
import { delayHolders } from '../adapters/logind.ts'
import { logStats } from '../adapters/log-open.ts'
import type { StopMark } from '../domain/order-record.ts'
import { stopNotes } from '../domain/stop-notes.ts'
import { beginBehindHooks } from '../hooks/begin-behind-hooks.ts'
import { giveBack } from './give-back.ts'
import type { UnitContext } from './unit-context.ts'

export async function reboot(context: UnitContext): Promise<void> {
  const { store, id, files, manager, settings, now } = context
  const order = store.read(id)
  if (order?.accepted?.reboot === undefined) return
  // Given again under a new epoch it is scheduled anew: the delay is people's time to object.
  const wait = Math.max(order.accepted.acceptedAtMs, order.grant?.notBeforeMs ?? 0) + order.accepted.reboot.delayMs - now()
  if (wait > 0) await sleep(Math.min(wait, order.accepted.reboot.delayMs))
  // What Gitaly is working on will have to end before it does; neither answer is a condition for anything.
  const asked = Promise.withResolvers<readonly [number, readonly string[] | undefined]>()
  const ask = (): void => { asked.resolve(Promise.all([countRequests(settings.gitaly.metrics), delayHolders(context.run, files)])) }
  // In the slot, and before the outage: Gitaly still serves while they run.
  const begunAtMs = await beginBehindHooks(context, 'before-reboot', ask)
  if (begunAtMs === undefined) return
  const [requestsInFlight, delayedBy] = await asked.promise
  // From here on the node is finished, also when systemd wants this process to end: the shutdown that it asks for does.
  process.on('SIGTERM', stay)
  const stopBegunAtMs = now()
  store.markStop(id, { stopBegunAtMs, stoppedAtMs: 0, stopNote: '', requestsInFlight, delayedBy, rebootRequestedAtMs: 0 })
  // However the stop went: behind this line the node is finished. The shutdown ends what still runs.
  const stopNote = await manager.stop()
  const stoppedAtMs = now()
  const mark: StopMark = { stopBegunAtMs, stoppedAtMs, stopNote, requestsInFlight, delayedBy, ...logEnd(files.logPath), rebootRequestedAtMs: now() }
  // One durable write inside the outage: the mark and the request, just before the request is made.
  store.markStop(id, mark)
  process.stderr.write(`${stopNotes(mark).join('; ')}\n`)
  await goDown(context, begunAtMs, mark, messageOf(id, order.accepted.reason))
}

/** Shown to who is logged in, and kept in the journal. Of one line and not for ever: the reason came over the network. */
const messageOf = (id: string, why: string): string => `pitstop ${id}${why === '' ? '' : `: ${why.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 200)}`}`

/** A host that is not told to end by now has its shutdown delayed, or lost. */
const firstLookMs = 250

/** Plainly a reboot, through firmware and boot loader: newer releases take a loaded kernel, or /run/nextroot, instead. */
const plainReboot = { SYSTEMCTL_SKIP_AUTO_KEXEC: '1', SYSTEMCTL_SKIP_AUTO_SOFT_REBOOT: '1' }

async function goDown(context: UnitContext, begunAtMs: number, mark: StopMark, message: string): Promise<void> {
  // From the request on SIGTERM is what the request brings: once it is answered there is nothing to stay for.
  const told = new AbortController()
  const leave = (): void => { told.abort() }
  process.on('SIGTERM', leave)
  process.off('SIGTERM', stay)
  try { await request(context, begunAtMs, mark, message, told.signal) } finally { process.off('SIGTERM', leave) }
}

async function request(context: UnitContext, begunAtMs: number, mark: StopMark, message: string, told: AbortSignal): Promise<void> {
  const { run, store, id } = context
  const result = await run({ argv: ['systemctl', 'reboot', `--message=${message}`], deadlineMs: 60_000, env: plainReboot }).catch((error: unknown) => String(error))
  if (typeof result !== 'string' && result.code === 0) {
    store.markGoingDown(id)
    if (await comesTrue(context, told)) return
    await giveBack(context, begunAtMs, mark, 'systemctl reboot was answered with yes, and no shutdown began')
    return
  }
  const cutOff = typeof result !== 'string' && (result.timedOut || result.signal !== null)
  const said = typeof result === 'string' ? result : result.timedOut ? 'systemctl reboot gave no answer'
    : `systemctl reboot ended with ${result.code ?? result.signal}: ${`${result.stderr}${result.stdout}`.trim()}`
  // No answer, and an end by a signal, prove nothing: the shutdown itself may have cut it off.
  if (await goesDown(run, { settleMs: cutOff ? await requestSettlesMs(run) : 0 })) { store.markGoingDown(id); return }
  await giveBack(context, begunAtMs, mark, said)
}

/**
 * Yes is no proof: while others delay the shutdown it has not begun, and may fail to. Ordinarily SIGTERM comes within
 * milliseconds. Until PID 1 says that it stops, the unit's end is nobody's proof either: whoever ends it has unit-ended look.
 */
async function comesTrue({ run, store, id }: UnitContext, signal: AbortSignal): Promise<boolean> {
  let pending = false
  const onPending = (): void => {
    if (signal.aborted || pending) return
    pending = true
    store.unmarkGoingDown(id)
    process.stderr.write('the reboot was asked for, and has not begun yet\n')
  }
  const watch = async (): Promise<boolean> => {
    const came = await goesDown(run, { settleMs: await requestSettlesMs(run), everyMs: 1000, signal, onPending })
    if (came && pending) store.markGoingDown(id)
    return came
  }
  try {
    await sleep(firstLookMs, undefined, { signal })
    return await Promise.race([watch(), aborted(signal)])
  } catch (error) {
    if (signal.aborted) return true
    throw error
  }
}

const aborted = (signal: AbortSignal): Promise<true> => new Promise((resolve) => {
  signal.addEventListener('abort', () => { resolve(true) }, { once: true })
})

const stay = (): void => { process.stderr.write('told to end; the reboot is finished first\n') }

function logEnd(path: string): Pick<StopMark, 'log'> {
  try {
    const { ino, size } = logStats(path)
    return { log: { inode: ino, offset: size } }
  } catch (error) {
    // Without a mark the whole log will be judged: too much is the safe side.
    process.stderr.write(`Gitaly's log cannot be marked: ${String(error)}\n`)
    return {}
  }
}
