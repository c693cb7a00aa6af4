// PostgreSQL, shared by coordinators on several machines. The server may be away when we open it, and later: whatever is
// asked then fails with a fault, and works again when the server is back.
import { Fault } from '@pitstop/shared/fault'
import { Kysely, PostgresDialect, sql } from 'kysely'
import type { Store } from '../../ports.ts'
import { migrate } from './migrations.ts'
import type { PostgresWishes } from './open-store.ts'
import { parsePostgresUrl } from './postgres-address.ts'
import { postgresConnections } from './postgres-connections.ts'
import type { Schema } from './schema.ts'
import { sqlStore } from './sql-store.ts'
import { storeFault } from './store-fault.ts'

/** clock_timestamp and not now(): the time of a statement, not of its transaction's begin. */
const serverNow = () => sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`

export async function openPostgres(url: string, fleet: string, { passwordFile, deadlineMs }: PostgresWishes): Promise<Store> {
  const address = parsePostgresUrl(url)
  if ('problem' in address) throw new Fault('INVALID_CONFIGURATION', `store ${address.problem}`)
  let origin = ''
  const pool = postgresConnections({ address, passwordFile, deadlineMs, admit: (found) => { origin = found } })
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })

  // One attempt at a time; a failed one is forgotten, so that the next use tries again.
  let preparing: Promise<void> | undefined
  const prepared = (): Promise<void> => {
    preparing ??= migrate(db, 'postgres', fleet, address.shown).catch((error: unknown) => {
      preparing = undefined
      throw storeFault(`use the store ${address.shown}`, error)
    })
    return preparing
  }
  try {
    await prepared()
  } catch (error) {
    const fault = storeFault('open the store', error)
    if (!isAway(error)) {
      await pool.end()
      throw fault
    }
  }
  return sqlStore({ db, fleet, now: serverNow, shared: true, origin: () => origin, prepared })
}

/** Not there at present, as opposed to: there, and refusing us. */
function isAway(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = 'code' in at && typeof at.code === 'string' ? at.code : ''
    if (/^(ECONN|EHOST|ENET|ETIMEDOUT|ENOENT|EAI_AGAIN|EPIPE)/.test(code) || /^(08|57P)/.test(code)) return true
    if (/no answer within|timeout exceeded when trying to connect|Connection terminated|read-only standby/.test(at.message)) return true
    if (at instanceof AggregateError && at.errors.some(isAway)) return true
  }
  return false
}
