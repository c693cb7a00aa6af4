// A database whose clock can be set while everything runs: a function of ours stands before the server's clock_timestamp() in
// the search path. Call it before anybody connects; a session keeps the search path that it began with.
import type { PostgresServer } from './postgres-server.ts'

export interface DatabaseClock {
  /** From now on so far ahead of this machine's; less than 0 = behind it. */
  set(aheadMs: number): Promise<void>
}

export async function databaseClock(server: PostgresServer, url: string): Promise<DatabaseClock> {
  const name = new URL(url).pathname.slice(1)
  for (const text of [
    'create schema clock', 'create table clock.ahead (ms bigint not null)', 'insert into clock.ahead values (0)',
    `create function clock.clock_timestamp() returns timestamptz language sql volatile security definer as $$ select pg_catalog.clock_timestamp() + (select ms from clock.ahead) * interval '1 millisecond' $$`,
    'grant usage on schema clock to public', `alter database ${name} set search_path = public, clock, pg_catalog`
  ]) await server.query(url, text)
  return { set: async (aheadMs) => { await server.query(url, 'update clock.ahead set ms = $1', [aheadMs]) } }
}
