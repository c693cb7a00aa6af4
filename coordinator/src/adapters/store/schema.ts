// The tables, for SQLite and PostgreSQL alike: text, integer and bigint columns only; instants are epoch ms, bodies JSON text.
import type { Generated } from 'kysely'

export interface Schema {
  /** format, fleet, incarnation, origin (see migrations.ts); restoring: while a restore is being seen to, why it is one. */
  meta: { key: string, value: string }
  /** One row for each fleet. */
  lease: { fleet: string, holder: string, address: string, api: string, epoch: number, expires_at: number }
  plans: { hash: string, bytes: string, created_at: number }
  journal: { seq: Generated<number>, stream: string, at: number, epoch: number, version: number, type: string, body: string }
  /** The open window of each fleet: at most one, by its primary key. */
  windows: { fleet: string, plan: string, number: number }
}

/** Format of the store that this release writes; a newer one is refused, an older one is migrated step by step. */
export const storeFormat = 2
