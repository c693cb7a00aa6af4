// Rows of the journal and plans, damaged in every way that a disk, an editor or another release could: read and folded,
// or told by their number; never half a state, and never "a fault of pitstop itself".
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import type { Event, Recorded } from '@pitstop/coordinator/domain/event'
import { fold } from '@pitstop/coordinator/domain/fold'
import { openPlan } from '@pitstop/coordinator/domain/plan'
import { sha256 } from '@pitstop/shared/digest'
import fc from 'fast-check'
import t from 'tap'
import { broken, hold, holdAsync, requireFault } from './hold.ts'

const fixture = (name: string): string => readFileSync(new URL(`../versions/fixtures/0.1.0/${name}`, import.meta.url), 'utf8')
const bytes = fixture('plan.json')
const stored = openPlan(sha256(bytes), bytes)
const told = ['STORE_CORRUPT', 'STORE_NEWER', 'PLAN_CHANGED']

void t.test('a row of the journal that is damaged is told by its number, and the rest is not folded without it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-fuzz-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const path = join(folder, 'coordinator.db')
  const seed = new DatabaseSync(path)
  seed.exec(fixture('store.sql'))
  const rows = seed.prepare('select seq, type, body from journal where stream <> \'fleet\' order by seq').all() as unknown as { seq: number, type: string, body: string }[]
  seed.close()
  await (await openStore(path, 'lab')).close()
  const value = fc.oneof(fc.json({ maxDepth: 2 }), fc.constantFrom('null', '[]', '{}', '-1', '1e999', '"gitaly-99.test"', '"__proto__"', '99999999999999999999', '"node-done"'))
  const damage = fc.tuple(fc.nat(), fc.nat(), fc.oneof(value, fc.constant(undefined)), broken(rows.slice(0, 40).map(({ body }) => body)), fc.nat(4), fc.nat(30)).map(([at, field, put, text, how, version]) => {
    const row = rows[at % rows.length] ?? { seq: 0, type: '', body: '{}' }
    const keys = Object.keys(JSON.parse(row.body) as object)
    const key = keys[field % keys.length] ?? 'type'
    const edited = Object.entries(JSON.parse(row.body) as Record<string, unknown>).flatMap(([name, now]) => name !== key ? [`${JSON.stringify(name)}:${JSON.stringify(now)}`] : put === undefined ? [] : [`${JSON.stringify(name)}:${put}`])
    return { seq: row.seq, body: how === 0 ? text : `{${edited.join(',')}}`, version: version === 30 ? 99 : 1, type: how === 1 ? 'node-exploded' : row.type }
  })
  t.ok(await holdAsync(damage, async ({ seq, body, version, type }) => {
    const database = new DatabaseSync(path)
    const before = database.prepare('select type, body, version from journal where seq = ?').get(seq) as { type: string, body: string, version: number }
    const put = database.prepare('update journal set type = ?, body = ?, version = ? where seq = ?')
    put.run(type, body, version, seq)
    database.close()
    const store = await openStore(path, 'lab')
    try {
      const state = fold(stored, await store.read<Event>(stored.hash))
      for (const node of state.nodes.values()) if (typeof node.phase !== 'string' || !Array.isArray(node.reasons) || !Number.isSafeInteger(node.attempt)) throw new TypeError(`half a node: ${JSON.stringify(node)}`)
    } catch (error) {
      requireFault(error, told)
    } finally {
      await store.close()
      const mend = new DatabaseSync(path)
      mend.prepare('update journal set type = ?, body = ?, version = ? where seq = ?').run(before.type, before.body, before.version, seq)
      mend.close()
    }
  }, 50))
})

void t.test('events in any order fold, or are told: a journal with rows lost is never folded into nonsense', async (t) => {
  const database = new DatabaseSync(':memory:')
  database.exec(fixture('store.sql'))
  const rows = (database.prepare('select * from journal where stream <> \'fleet\' order by seq').all() as unknown as { seq: number, at: number, epoch: number, body: string }[])
    .map(({ seq, at, epoch, body }): Recorded<Event> => ({ seq, at, epoch, event: JSON.parse(body) as Event }))
  database.close()
  t.ok(hold(fc.shuffledSubarray(rows), (some) => {
    try { fold(stored, some) } catch (error) { requireFault(error, told) }
  }, 200))
})

void t.test('plans: other bytes are another plan, and a plan that is none is told', async (t) => {
  t.ok(hold(broken([bytes]), (text) => {
    try {
      if (openPlan(stored.hash, text).bytes !== bytes) throw new TypeError('another plan under the same hash')
    } catch (error) { requireFault(error, told) }
    try { openPlan(sha256(text), text) } catch (error) { requireFault(error, told) }
  }, 200, ['null', '1', '[]', '{"version":2}', '{"version":1}', '{', '']))
})
