// Doubt, in both directions: the coordinator dies when a step is intended, before anything of it has happened, or when it has
// happened and the outcome is not journaled yet. Its successor looks first, and does what is missing once; never both, never again.
import { Fault } from '@pitstop/shared/fault'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import type { Happening } from '../world/history.ts'
import { World, minutes } from '../world/world.ts'

const node = 'gitaly-02.test'

interface Doubt {
  readonly step: string
  readonly node: string | null
  /** It was asked for, when the weight was so. */
  readonly sent: (happening: Happening, weight: number) => boolean
  /** It happened. */
  readonly done: (happening: Happening) => boolean
  /** Somebody looked. */
  readonly looked: (happening: Happening) => boolean
}

const order = (step: 'stage' | 'upgrade' | 'reboot', done: Doubt['done']): Doubt => ({
  step, node, done,
  sent: (each) => each.what === 'order-sent' && each.node === node && each.step === step,
  looked: (each) => each.what === 'order-answered' && each.node === node && each.id.startsWith(step) && each.asked === 'question'
})

const weight = (step: 'zero-weight' | 'restore-weight', to: number): Doubt => ({
  step, node,
  sent: (each, weight) => each.what === 'weights-sent' && each.weights[node] === to && weight !== to,
  done: (each) => each.what === 'weights-written' && each.before[node] !== to && each.after[node] === to,
  looked: ({ what }) => what === 'weights-read'
})

const schedule = (step: 'pause-assigner' | 'resume-assigner', active: boolean): Doubt => ({
  step, node: null,
  sent: (each) => each.what === 'schedule-sent' && each.active === active,
  done: (each) => each.what === 'schedule-set' && each.active === active,
  looked: ({ what }) => what === 'schedule-read'
})

const doubts: readonly Doubt[] = [
  schedule('pause-assigner', false),
  order('stage', (each) => each.what === 'order-accepted' && each.node === node && each.step === 'stage'),
  weight('zero-weight', 0),
  order('upgrade', (each) => each.what === 'apt-ran' && each.node === node),
  order('reboot', (each) => each.what === 'gitaly-stopped' && each.node === node && each.id !== null),
  weight('restore-weight', 99),
  schedule('resume-assigner', true)
]

/** An event of the journal, as far as a kill depends on it. */
interface Told { readonly type: string, readonly step?: string, readonly node?: string | null }

for (const { step, node: of, sent, done, looked } of doubts) {
  for (const happened of [true, false]) {
    void t.test(`${step}, dead ${happened ? 'when it had happened and was not journaled' : 'when it was journaled and had not happened'}: settled by looking`, async (t) => {
      const world = new World()
      let killedAt = -1
      world.killAt = (_append, events) => {
        const now = (events as readonly Told[]).some((each) => each.type === (happened ? 'step-done' : 'step-intended') && each.step === step && each.node === of)
        if (!now || killedAt >= 0) return null
        killedAt = world.history.happenings.length
        return happened ? 'before' : 'after'
      }
      await world.openDespiteKills()
      await world.untilClosed()
      const { happenings } = world.history
      let weight = world.initialWeights[node] ?? 0
      const asked = happenings.flatMap((each, index) => {
        if (each.what === 'weights-written') weight = each.after[node] ?? 0
        return index >= killedAt && sent(each, weight) ? [index] : []
      })
      t.ok(killedAt > 0, 'the coordinator was killed')
      t.equal(happenings.slice(0, killedAt).filter(done).length, happened ? 1 : 0, 'before its death')
      t.equal(happenings.filter(done).length, 1, 'it happened once')
      t.equal(asked.length, happened ? 0 : 1, happened ? 'and was not asked for again' : 'and was asked for once more')
      if (!happened) t.ok(happenings.slice(killedAt, asked[0]).some(looked), 'after somebody had looked')
      t.same([...world.hosts.keys()].map((_, index) => world.phase(index)), ['done', 'done', 'done', 'done'])
      t.same(checkHistory(world), [])
    })
  }
}

void t.test('a reboot order that was lost is not taken for over because our own clock was set forward: it may still come', async (t) => {
  const world = new World({ policy: { groupSize: 1 } })
  const steady = world.transit
  let sent = false
  let arrived = false
  world.transit = { call: (host, call, deliver) => {
    if (call.order !== 'reboot' || sent) return steady.call(host, call, deliver)
    sent = true
    world.clock.after(10_000, () => { arrived = true; void Promise.resolve().then(deliver).catch(() => undefined) })
    return new Promise((_, reject) => { world.clock.after(3000, () => { reject(new Fault('AGENT_UNREACHABLE', 'lost')) }) })
  } }
  await world.openDespiteKills()
  await world.until(() => sent)
  await world.clock.runUntil(() => false, 1000)
  world.setClock(minutes)
  await world.clock.runUntil(() => false, 4000)
  await world.say({ kind: 'pause' })
  await world.until(() => world.phase(0) === 'done')
  t.ok(arrived)
  t.same(checkHistory(world), [])
})
