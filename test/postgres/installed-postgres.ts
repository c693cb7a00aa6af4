// A PostgreSQL of this machine with its client programs: the package's own binaries have no pg_dump, and pg_dump copies
// no server that is newer than itself.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Debian and Ubuntu keep each release in a folder of its own. */
const releases = '/usr/lib/postgresql'

/** Folder of the newest one that has both sides; null = `apt-get install postgresql`. */
export function installedPostgres(): string | null {
  if (!existsSync(releases)) return null
  const folders = readdirSync(releases).sort((a, b) => Number(b) - Number(a)).map((release) => join(releases, release, 'bin'))
  return folders.find((folder) => ['initdb', 'postgres', 'pg_dump', 'pg_restore', 'createdb'].every((program) => existsSync(join(folder, program)))) ?? null
}
