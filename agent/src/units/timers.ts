// Keeps the distribution's own upgrades away while an order's apt runs. What is put back afterwards is promised on disk before
// the first change; the unit's end pays it, or the agent's keeper. Never stands in the way of the order: without it apt still waits
// for the lock.
import { asFault, chain } from '@pitstop/shared/fault'
import { outputOf } from '../adapters/run-command.ts'
import { inhibition, parseUnits, timersObligation, unitStateQuestion } from '../domain/apt-timers.ts'
import type { Obligation } from '../domain/obligation.ts'
import type { AcceptedOrder } from '../domain/order-record.ts'
import { pay } from '../obligations/pay.ts'
import type { UnitContext } from './unit-context.ts'

/** Between the end of the order's time and the moment when the agent pays for a unit that does not. */
const marginMs = 10 * 60_000
const deadlineMs = 15_000

/** @returns why they are not, or not all, inhibited; empty = they are. */
export async function inhibitTimers({ run, promises, files, settings, now }: UnitContext, { id, planHash }: AcceptedOrder): Promise<string> {
  try {
    const { stop, start, mask } = inhibition(parseUnits(await outputOf(run, { argv: unitStateQuestion, deadlineMs })))
    const dueAtMs = now() + settings.apt.lockTimeoutMs + settings.apt.deadlineMs + marginMs
    const obligation = timersObligation({ start, mask }, { orderId: id, planHash, bootId: files.bootId(), nowMs: now(), dueAtMs })
    if (obligation === undefined) return ''
    promises.promise(obligation)
    if (stop.length > 0) await outputOf(run, { argv: ['systemctl', 'stop', ...stop], deadlineMs })
    await outputOf(run, { argv: ['systemctl', 'mask', '--runtime', ...mask], deadlineMs })
    return ''
  } catch (error) { return `apt's own timers could not be inhibited: ${chain(asFault(error))}` }
}

/** What cannot be put back now stays promised: the agent goes on trying. */
export async function releaseTimers(context: UnitContext): Promise<void> {
  const own = (each: Obligation): boolean => each.kind === 'timers' && each.orderId === context.id
  for (const obligation of context.promises.unpaid().filter(own)) await pay(context, obligation)
}
