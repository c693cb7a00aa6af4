// Lease, fencing, take-over and reboot order, explored whole: every interleaving of two coordinators, one store and one
// host, with messages that are late, doubled or lost. Then each protection is taken out, and the disaster must be found.
import { orderId } from '@pitstop/shared/order-id'
import t from 'tap'
import type { Bounds } from './coordinator-steps.ts'
import { explore } from './explore.ts'
import { protocol } from './protocol.ts'
import { pitstop, type Rules } from './rules.ts'
import { beginning, overtaken, retried, type World } from './state.ts'

const id = pitstop.idOf(1, 0)

const rebooted = ({ reboots }: World): boolean => reboots.some((count) => count > 0)
const landmarks = {
  'a successor ends what its predecessor began': (world: World) => rebooted(world) && world.journal.some(({ kind, epoch }) => kind === 'done' && epoch > 1),
  'a successor settles that an order was never begun': ({ journal }: World) => journal.some(({ kind, epoch }) => kind === 'never' && epoch > 1),
  'a host reboots while the overtaken coordinator believes that it acts': (world: World) => rebooted(world) && world.coordinators[0].at === 'acting' && world.lease.epoch > 1
}

const explorations: [string, Partial<Bounds>, readonly World[] | undefined, number][] = [
  ['a take-over, with pauses, late and lost messages, and a host\'s clock that is right, behind or ahead', {}, [beginning(0), beginning(-2), beginning(2)], 3],
  ['a message comes twice', { duplicates: 1 }, [overtaken(id)], 3],
  ['the agent or the order\'s unit dies between any two steps', { agentCrashes: 1 }, undefined, 3],
  ['the successor crashes too, and the lease is taken a third time', { crashes: 1, epochs: 3 }, [overtaken(id)], 3],
  ['the lease is renewed, and the answer comes late', { renewals: 1, entries: 1, calls: 1 }, undefined, 1],
  ['the store\'s clock goes far back, and a standby takes what nobody renews', { setBacks: 1, renewals: 1, entries: 1, calls: 1 }, undefined, 1],
  ['the store\'s clock jumps ahead, and a standby takes what its holder still believes to have', { jumpsAhead: 1 }, [beginning(0), overtaken(id)], 3],
  ['the host refuses for reasons of its own', { refusals: 1 }, undefined, 3],
  ['a person asks for another reboot while the first order is still on its way', { entries: 5, calls: 4 }, [retried(id)], 1]
]
let all = 0
for (const [what, bounds, initial, least] of explorations) {
  void t.test(`no rule breaks when ${what}`, async (t) => {
    const { states, steps, depth, violation, met } = explore(protocol({}, bounds, initial), landmarks)
    t.equal(violation, null, violation === null ? '' : `${violation.rule}:\n${violation.trace.join('\n')}`)
    t.ok(met.size >= least, `it gets somewhere: ${[...met].join('; ')}`)
    all += states
    t.comment(`${states} states, ${steps} steps, up to ${depth} deep; ${all} states so far`)
  })
}

const never = /settled as never begun, and was begun/
const removed: [string, Partial<Rules>, RegExp, { readonly bounds?: Partial<Bounds>, readonly initial?: readonly World[] }?][] = [
  ['the append does not check the epoch', { mayAppend: () => true }, /journaled "intended" under the lease of epoch 2/],
  ['the append checks the epoch and does not lock the row', { appendLocks: false }, /journaled "intended" under the lease of epoch 2/],
  ['effects are not held back by the lease', { guardsEffects: false }, /began an effect while epoch 2 had the lease/],
  ['the lease counts from when the renewal was answered', { leaseCountsFrom: 'answered' }, /began an effect while epoch 2 had the lease/, { bounds: { renewals: 1 } }],
  ['a row is held for abandoned before its holder has stopped', { isAbandoned: (since, now) => now - since >= 2 }, /began an effect while epoch 2 had the lease/, { bounds: { setBacks: 1 } }],
  ['a standby does not see that a row was renewed', { comparesTheRow: false }, /began an effect while epoch 2 had the lease/, { bounds: { setBacks: 1, renewals: 1 } }],
  ['the store\'s clock jumps ahead and the append does not check the epoch', { mayAppend: () => true }, /journaled "intended" under the lease of epoch 2/, { bounds: { jumpsAhead: 1 } }],
  ['the store\'s clock jumps ahead and the unit does not read the epoch again after "begun"', { unitReadsEpochAgain: false }, /begun after epoch 2 had been acknowledged/, { bounds: { jumpsAhead: 1 } }],
  ['the agent answers before the epoch is on disk', { persistsBeforeAnswering: false }, /begun after epoch 2 had been acknowledged/],
  ['the unit does not read the epoch again after "begun"', { unitReadsEpochAgain: false }, /begun after epoch 2 had been acknowledged/],
  ['neither the agent nor the unit compares epochs', { refusesOlderEpochs: false, unitReadsEpochAgain: false, unitChecksWhenItFires: false }, /begun after epoch 2|settled as never begun/],
  ['"never heard of it" is always believed', { absentIsProof: () => true }, never],
  ['"never heard of it" is believed at not-after, though the host\'s clock may be behind', { absentIsProof: (now, epoch, { epoch: of, notAfter }) => epoch > of || now > notAfter }, never, { initial: [beginning(-2)] }],
  ['"never heard of it" counts from when it was heard, not from when it was asked', { absenceCountsFrom: 'answered' }, never],
  ['each sending of an order has an id of its own', { idOf: (attempt, sending) => orderId({ planHash: `plan-${sending}`, node: 'n1', step: 'reboot', attempt }) }, /settled as never begun, and was begun|rebooted twice/, { bounds: { calls: 3 }, initial: [overtaken(id, 'another')] }],
  ['a successor makes another attempt of its own accord', { raisesAttemptItself: true }, /2 reboots, and a person asked for 1/, { bounds: { calls: 3 }, initial: [overtaken(id)] }]
]
for (const [what, rules, disaster, { bounds, initial } = {}] of removed) {
  void t.test(`the model sees the disaster when ${what}`, async (t) => {
    const { violation, states } = explore(protocol(rules, bounds, initial))
    t.match(violation?.rule, disaster)
    t.comment(`${states} states; the shortest way:\n  ${violation?.trace.join('\n  ') ?? ''}`)
  })
}

void t.test('what the protocol leans on: gRPC never delivers a call twice, because a refusal is not remembered', async (t) => {
  const { violation } = explore(protocol({}, { refusals: 1, duplicates: 1 }))
  t.match(violation?.rule, never, 'with a transport that doubles calls a late copy of a refused order would be taken')
})
