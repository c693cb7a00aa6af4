// A store is vouched for by those who watched it all the time, or by the agents; and what it once knew it may not forget.
import t from 'tap'
import { StoreWatch } from './store-watch.ts'

const store = { id: 'aaaaaaaa', seq: 30 }
const row = (epoch: number, expiresAt: number) => ({ epoch, expiresAt })

void t.test('watched without a gap under a holder who lives, nobody needs to be asked', async (t) => {
  const watch = new StoreWatch()
  watch.look(store, row(2, 1000), 0)
  t.notOk(watch.vouched, 'one look proves nothing')
  watch.look(store, row(2, 1000), 500)
  t.notOk(watch.vouched, 'in a copy the lease looks held by whoever held it then')
  watch.look({ ...store, seq: 31 }, row(2, 2000), 1000)
  t.ok(watch.vouched, 'it was renewed')
  watch.look({ ...store, seq: 31 }, row(2, 2000), 2500)
  t.ok(watch.vouched, 'and goes on to be watched while its lease runs out')
  watch.look({ ...store, seq: 31 }, row(2, 2000), 4001)
  t.notOk(watch.vouched, 'after a gap it may be another')
})

void t.test('another coordinator\'s take-over is a sign of life, another store is none', async (t) => {
  const watch = new StoreWatch()
  watch.look(store, row(2, 1000), 0)
  watch.look(store, row(3, 900), 500)
  t.ok(watch.vouched)
  watch.look({ id: 'bbbbbbbb', seq: 99 }, row(9, 9000), 1000)
  t.notOk(watch.vouched)
  t.same(watch.known.map(({ incarnation }) => incarnation), ['aaaaaaaa', 'bbbbbbbb'], 'a person may ask what became of the first')
})

void t.test('agents who know nothing more vouch for it until it is lost from sight', async (t) => {
  const watch = new StoreWatch()
  watch.look(store, row(2, 1000), 0)
  watch.vouch()
  watch.look(store, row(2, 1000), 600)
  t.ok(watch.vouched)
  watch.look(store, null, 60_000)
  t.notOk(watch.vouched)
})

void t.test('a copy that knows less is told once, and held against it however far it grows', async (t) => {
  const watch = new StoreWatch()
  watch.look(store, row(2, 1000), 0)
  watch.note(33)
  watch.look({ ...store, seq: 33 }, row(2, 2000), 500)
  t.match(watch.look({ ...store, seq: 31 }, row(2, 2500), 1000), [{ code: 'STORE_RESTORED', text: /has seen entry 33 of the journal, the store ends with 31/ }])
  t.same(watch.look({ ...store, seq: 32 }, row(2, 3000), 1500), [], 'told already')
  watch.look({ ...store, seq: 40 }, row(2, 3500), 2000)
  t.equal(watch.doubts(store.id).length, 1)
  t.same(watch.doubts('bbbbbbbb'), [], 'a new id was given by whoever has seen to it')
  t.match(watch.look({ ...store, seq: 41 }, row(1, 3500), 2500), [], 'told already')
  watch.settled({ incarnation: store.id, epoch: 5, seq: 50 })
  t.same(watch.doubts(store.id), [])
  t.match(watch.look({ ...store, seq: 51 }, row(4, 3500), 3000), [{ text: /has seen epoch 5, the store knows 4/ }])
})

void t.test('a store that was seen to accounts for those before it: a process that lives on does not hold them against it at every take-over', async (t) => {
  const watch = new StoreWatch()
  watch.look(store, row(2, 1000), 0)
  watch.look({ ...store, seq: 20 }, row(2, 1000), 500)
  watch.settled({ incarnation: 'bbbbbbbb', epoch: 3, seq: 40 })
  t.same(watch.known, [{ incarnation: 'bbbbbbbb', epoch: 3, seq: 40 }])
  t.same(watch.doubts(store.id), [])
})
