// What a coordinator and the store may do next. A step is as small as what a crash or a pause can come between.
import { covers, held, type Rules } from './rules.ts'
import { type Coordinator, type Entry, type Message, ttl, type World } from './state.ts'

export type Steps = (readonly [name: string, after: World])[]

export interface Bounds {
  readonly crashes: number
  readonly renewals: number
  readonly epochs: number
  /** Orders and questions together. */
  readonly calls: number
  readonly entries: number
  readonly retries: number
  readonly duplicates: number
  readonly agentCrashes: number
  /** Refusals of the host for reasons of its own. */
  readonly refusals: number
  /** Of the store's clock. */
  readonly setBacks: number
  /** Of the store's clock. A living lease ends by it: then a send beside the successor is no wrong of its own, but must come to nothing. */
  readonly jumpsAhead: number
}

export function coordinatorSteps(world: World, index: 0 | 1, rules: Rules, bounds: Bounds): Steps {
  const self = world.coordinators[index]
  const name = index === 0 ? 'A' : 'B'
  const { lease, journal, now } = world
  const storeNow = now - world.storeBehind
  const found: Steps = []
  const become = (change: Partial<Coordinator>, rest: Partial<World> = {}): World => {
    const next = { ...self, since: null, ...change }
    const coordinators: World['coordinators'] = index === 0 ? [next, world.coordinators[1]] : [world.coordinators[0], next]
    // An answer that nobody waits for any more says nothing to anybody.
    const replies = (rest.replies ?? world.replies).filter(({ to, call }) => to !== index || (next.at === 'calling' && next.call === call))
    return { ...world, ...rest, coordinators, replies }
  }
  // Whoever stands by sees it at the next look; and the store compares the row again when it is taken.
  const changed = (after: World): World => rules.comparesTheRow ? { ...after, coordinators: after.coordinators.map((each) => ({ ...each, since: null })) as unknown as World['coordinators'] } : after
  const step = (what: string, after: World): void => { found.push([`${name} ${what}`, after]) }
  const write = (entry: Entry, then: Partial<Coordinator>): World => {
    const happened = world.host.orders.some(({ attempt: of, stopped }) => of === entry.attempt && stopped) || (world.reboots[entry.attempt] ?? 0) > 0
    const wrong = lease.epoch !== entry.epoch ? `epoch ${entry.epoch} journaled "${entry.kind}" under the lease of epoch ${lease.epoch}`
      : entry.kind === 'never' && happened ? `attempt ${entry.attempt} was settled as never begun, and was begun` : world.wrong
    return become({ at: 'acting', entry: null, ...then }, { journal: [...journal, entry], wrong })
  }
  const append = (entry: Entry, then: Partial<Coordinator> = {}): void => {
    if (journal.length >= bounds.entries) return
    if (!rules.mayAppend(lease, self.epoch)) step('is overtaken', become({ at: 'down' }))
    else if (rules.appendLocks) step(`journals ${entry.kind}`, write(entry, then))
    else step(`compares its epoch, to journal ${entry.kind}`, become({ at: 'checked', entry }))
  }

  if (self.at !== 'down' && world.crashes < bounds.crashes) step('crashes', become({ at: 'down', entry: null }, { crashes: world.crashes + 1 }))
  const last = journal.at(-1)
  switch (self.at) {
    case 'down':
      if (lease.epoch >= bounds.epochs) break
      // By the store's clock: a holder that has not given it back has it until then. Or it has stood unchanged for too long.
      if (lease.expiresAt > storeNow && (self.since === null || !rules.isAbandoned(self.since, now))) {
        if (bounds.setBacks > 0 && self.since === null && lease.holder !== index) step('looks at the lease', become({ since: now }))
        break
      }
      step('takes the lease', changed(become({ at: 'acting', epoch: lease.epoch + 1, deadline: held(lease.epoch + 1, now, ttl) }, { lease: { holder: index, epoch: lease.epoch + 1, expiresAt: storeNow + ttl } })))
      break
    case 'renewing':
      step('hears that it renewed', become({ at: 'acting', deadline: held(self.epoch, rules.leaseCountsFrom === 'sent' ? self.sentAt : now, ttl) }))
      break
    case 'checked':
      if (self.entry !== null) step(`writes ${self.entry.kind}`, write(self.entry, {}))
      break
    case 'sending': {
      const guarded = covers(self.epoch, self.deadline, now)
      if (rules.guardsEffects && !guarded) { step('holds back: its lease does not cover it', become({ at: 'acting' })); break }
      if (last === undefined || world.calls >= bounds.calls) break
      const overtaken = lease.epoch !== self.epoch
      const order: Message = {
        kind: 'order', from: index, call: world.calls + 1, epoch: self.epoch, id: rules.idOf(last.attempt, world.calls), attempt: last.attempt,
        boot: last.boot, notBefore: last.notBefore, notAfter: last.notAfter
      }
      step('sends the order', become({ at: 'calling', call: world.calls + 1, askedAt: now },
        { calls: world.calls + 1, net: [...world.net, order], ...overtaken && bounds.jumpsAhead === 0 ? { wrong: `epoch ${self.epoch} began an effect while epoch ${lease.epoch} had the lease` } : {} }))
      break
    }
    case 'calling':
      step('gives the call up', become({ at: 'acting' }))
      break
    case 'acting': {
      if (world.renewals < bounds.renewals) {
        if (lease.epoch === self.epoch) step('renews', changed(become({ at: 'renewing', sentAt: now }, { lease: { ...lease, expiresAt: storeNow + ttl }, renewals: world.renewals + 1 })))
        else step('cannot renew: it is overtaken', become({ at: 'down' }))
      }
      const attempt = last?.attempt ?? 1
      const intent = (of: number): Entry => ({ epoch: self.epoch, kind: 'intended', id: rules.idOf(of, 0), attempt: of, boot: world.host.boot, notBefore: now, notAfter: now + 2 })
      if (last === undefined || last.kind === 'never' || last.kind === 'retried') append(intent(attempt), { at: 'sending' })
      if (last?.kind === 'never' && attempt <= bounds.retries) append({ ...last, epoch: self.epoch, kind: 'retried', attempt: attempt + 1 })
      if (last?.kind === 'intended') {
        if (rules.raisesAttemptItself && last.epoch < self.epoch) append(intent(attempt + 1), { at: 'sending' })
        else if (world.calls < bounds.calls) {
          step('asks what became of the order', become({ at: 'calling', call: world.calls + 1, askedAt: now },
            { calls: world.calls + 1, net: [...world.net, { kind: 'describe', from: index, call: world.calls + 1, epoch: self.epoch, id: last.id }] }))
        }
      }
      break
    }
    default: self.at satisfies never
  }
  for (const reply of self.at === 'calling' ? world.replies.filter(({ to, call }) => to === index && call === self.call) : []) {
    const intended = journal.at(-1)
    if (reply.status === 'stale') { step('hears that it is overtaken', become({ at: 'down' })); continue }
    if (intended?.kind !== 'intended') { step('hears an answer too late', become({ at: 'acting' })); continue }
    const settled = (kind: Entry['kind']): void => { append({ ...intended, epoch: self.epoch, kind }) }
    const goOn = (): void => { step(`hears ${reply.status}`, become({ at: 'acting' })) }
    switch (reply.status) {
      case 'absent':
        if (rules.absentIsProof(rules.absenceCountsFrom === 'asked' ? self.askedAt : now, self.epoch, intended)) settled('never')
        else goOn()
        break
      case 'succeeded': settled('done'); break
      case 'vetoed': case 'cancelled': settled('never'); break
      case 'failed': settled(reply.stopped ? 'failed' : 'never'); break
      // Accepted and not begun, or under a predecessor's epoch: the same order, sent again, renews its right.
      case 'accepted': case 'running':
        if (reply.about === 'describe' && !reply.stopped && (reply.status === 'accepted' || intended.epoch < self.epoch)) step(`hears ${reply.status}`, become({ at: 'sending' }))
        else goOn()
        break
      default: goOn()
    }
  }
  return found
}
