// What a payment would disturb: an apt that still runs, though the unit that started it may be gone; a unit of the plan that
// is at work; a host that goes down. What cannot be told counts as in the way. Asks the host afresh each time, decides nothing.
import { asFault, chain } from '@pitstop/shared/fault'
import { goingDown } from '../adapters/going-down.ts'
import { knownNow } from '../adapters/host-checks.ts'
import { heldBy } from '../domain/file-lock.ts'
import type { Obligation } from '../domain/obligation.ts'
import { unitName } from '../domain/order-record.ts'
import { isKnown } from '../domain/veto.ts'
import type { Host } from '../host.ts'

export interface Obstacle {
  /** `own-unit`: the unit that made the promise, which pays by itself before it ends. */
  readonly kind: 'own-unit' | 'other'
  readonly text: string
}

/** @param plan orders of the promise's plan. @returns undefined = nothing is in the way. */
export async function obstacleTo({ orderId, kind }: Obligation, plan: readonly string[], { files, units, run }: Pick<Host, 'files' | 'units' | 'run'>): Promise<Obstacle | undefined> {
  const lock = orderId.startsWith('reboot-') ? { value: undefined } : knownNow(() => files.dpkgLockHolder())
  if (!isKnown(lock)) return other(`whether apt still runs is not known: ${lock.unknown}`)
  if (lock.value !== undefined) return other(`apt still runs: ${heldBy(lock.value)}`)
  for (const id of new Set([orderId, ...plan])) {
    const state = await units.state(unitName(id)).catch((error: unknown) => chain(asFault(error)))
    if (state !== 'gone') return { kind: id === orderId ? 'own-unit' : 'other', text: `${id === orderId ? 'its' : 'the plan\'s'} order ${id} is ${inWords(state)}` }
  }
  if (kind !== 'hook') return undefined
  const down = await goingDown(run)
  switch (down) {
    case 'up': return undefined
    case 'stopping': case 'preparing': return other('the host is going down')
    case 'unknown': return other('whether the host is going down is not known: neither systemd nor logind answers')
    default: return down satisfies never
  }
}

/** @param state systemd's, or why it does not tell. */
function inWords(state: string): string {
  switch (state) {
    case 'active': return 'being carried out'
    case 'ending': return 'done, and its unit is still ending'
    case 'unknown': return 'in a state that systemd does not tell'
    default: return `in an unknown state: ${state}`
  }
}

const other = (text: string): Obstacle => ({ kind: 'other', text })
