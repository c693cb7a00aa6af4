// `pay [ID]`: puts back now what is promised, without coordinator and without agent. What an order that is being carried
// out still needs is left alone unless it is named.
import { Fault } from '@pitstop/shared/fault'
import { ObligationStore, unreadableHint } from '../adapters/obligation-store.ts'
import type { Settings } from '../config.ts'
import { inReverse, type Obligation } from '../domain/obligation.ts'
import { typed } from '../domain/typed.ts'
import { buildHost } from '../host.ts'
import { type Obstacle, obstacleTo } from '../obligations/obstacle.ts'
import { pay } from '../obligations/pay.ts'
import { systemClock } from '../system-clock.ts'

/** @param byHand a person has done it already: only the promise goes. @returns 0: nothing is left of what was asked for. */
export async function payNow(settings: Settings, id: string | undefined, byHand: boolean): Promise<number> {
  const promises = new ObligationStore(settings.state)
  let left = 0
  const unpaid = promises.unpaid(({ path, text }) => {
    left++
    process.stderr.write(`a promise cannot be read: ${text}\n  do: ${unreadableHint(path)}\n`)
  })
  const asked = id === undefined ? inReverse(unpaid) : unpaid.filter((each) => each.id === id)
  if (id === undefined && byHand) throw new Fault('INVALID_INPUT', 'which one was paid by hand?', { hint: 'name it: pitstop-agent status lists them' })
  if (id !== undefined && asked.length === 0) throw new Fault('NOT_FOUND', `nothing with the id ${id} has to be put back`, { hint: 'see pitstop-agent status; what is paid is not listed any more' })
  if (asked.length === 0 && left === 0) process.stdout.write('nothing has to be put back\n')
  const host = buildHost(settings.host, systemClock)
  host.gitaly.close()
  for (const obligation of asked) {
    let obstacle: Obstacle | undefined
    const text = byHand ? settled(promises, obligation)
      : id === undefined && (obstacle = await obstacleTo(obligation, [], host)) !== undefined
        ? `${obstacle.text}; all the same: ${typed(['pitstop-agent', 'pay', obligation.id])}`
        : await pay({ run: host.run, hooks: host.hooks, promises, now: systemClock.now }, obligation)
    if (text !== '') left++
    process.stdout.write(`${obligation.what}: ${text === '' ? byHand ? 'noted as done by hand' : 'done' : `not done: ${text}`}\n`)
  }
  return left === 0 ? 0 : 1
}

function settled(promises: ObligationStore, { id }: Obligation): '' {
  promises.settle(id)
  return ''
}
