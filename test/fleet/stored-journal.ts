// The latest plan and its journal as they lie in the store, read without pitstop.
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'

interface EventRow { readonly seq: number, readonly at: number, readonly epoch: number, readonly body: string }
export interface StoredJournal { readonly hash: string, readonly bytes: string, readonly events: readonly EventRow[] }

const plan = 'select hash, bytes from plans order by created_at desc limit 1'

export async function storedJournal(store: string): Promise<StoredJournal> {
  if (!store.startsWith('postgres:')) {
    const database = new DatabaseSync(store, { readOnly: true })
    try {
      const row = database.prepare(plan).get() as { hash: string, bytes: string }
      return { ...row, events: database.prepare('select seq, at, epoch, body from journal where stream = ? order by seq').all(row.hash) as unknown as EventRow[] }
    } finally { database.close() }
  }
  const { hostname, pathname, username } = new URL(store)
  const client = new pg.Client({ host: decodeURIComponent(hostname), port: 5432, user: username, database: pathname.slice(1) })
  await client.connect()
  try {
    const { rows: [row] } = await client.query<{ hash: string, bytes: string }>(plan)
    if (row === undefined) throw new Error('there is no plan')
    const { rows } = await client.query<Record<keyof EventRow, string>>('select seq, at, epoch, body from journal where stream = $1 order by seq', [row.hash])
    return { ...row, events: rows.map(({ seq, at, epoch, body }) => ({ seq: Number(seq), at: Number(at), epoch: Number(epoch), body })) }
  } finally { await client.end() }
}
