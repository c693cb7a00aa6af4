// What this machine's break-glass file says, held against a journal.
import t from 'tap'
import type { FleetEvent } from '../domain/event.ts'
import { type Store, type StreamEvent, fleetStream } from '../ports.ts'
import { leftPromises } from './left-promises.ts'

const row = (seq: number, epoch: number, event: FleetEvent): StreamEvent => ({ stream: fleetStream, recorded: { seq, at: 0, epoch, event } })
const taken = (seq: number, epoch: number, holder: string): StreamEvent => row(seq, epoch, { type: 'lease-taken', holder, address: 'x:1' })
const frozen = (seq: number, epoch: number): StreamEvent => row(seq, epoch, { type: 'frozen', by: 'ada', reason: 'r' })
const storeOf = (...rows: readonly StreamEvent[]): Store => ({
  read: async () => rows.map(({ recorded }) => recorded), readAll: async (after: number, most?: number) => {
    if (most !== 1) throw new Error('a journal may be long, and one row is asked for')
    return rows.filter(({ recorded }) => recorded.seq > after).slice(0, 1)
  }, listPlans: async () => []
}) as unknown as Store

const line = '# weight:a: weight of a was 100, node n\ncurl …\n'
const file = `# written 2026-11-23 06:41:30Z by vm/1/ab, epoch 5, entry 3; if another coordinator acted later, its file counts\n${line}`
const left = async (text: string, ...rows: readonly StreamEvent[]): Promise<string[]> => (await leftPromises(storeOf(...rows), text)).lines.map(({ id }) => id)

void t.test('a journal with the entry from which the file was written accounts for all of it, whatever came after', async (t) => {
  t.same(await left(file, taken(2, 5, 'vm/1/ab'), frozen(3, 5)), [])
  t.same(await left(file, taken(2, 5, 'vm/1/ab'), frozen(3, 5), taken(4, 6, 'other/2/cd'), frozen(5, 6)), [])
})

void t.test('a journal that ends before it, or went on otherwise, does not', async (t) => {
  t.same(await left(file), ['weight:a'])
  t.same(await left(file, taken(2, 5, 'vm/1/ab')), ['weight:a'], 'a lagging copy')
  t.same(await left(file, taken(2, 5, 'vm/1/ab'), taken(3, 6, 'other/2/cd')), ['weight:a'], 'the entry is another\'s')
  t.same(await left(file, taken(2, 5, 'other/2/cd'), frozen(3, 5)), ['weight:a'], 'a store that gave out the epoch again')
})

void t.test('a file of a release that did not say how far it knew is not accounted for; one without promises needs nothing', async (t) => {
  t.same(await left(line, taken(2, 5, 'vm/1/ab'), frozen(3, 5)), ['weight:a'])
  t.same(await left(''), [])
})
