// The Debian that every lab host starts from: made once by mmdebstrap from Debian's mirror, kept in a cache folder
// under a name that tells its recipe, used read-only ever after.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.ts'

const cache = process.env['PITSTOP_LAB_CACHE'] ?? '/var/cache/pitstop-lab'
const mirror = process.env['PITSTOP_LAB_MIRROR'] ?? 'http://deb.debian.org/debian'
/** runit is what omnibus ships; needrestart hooks into apt on most servers, perl comes with it; Node needs libatomic1. */
const packages = ['systemd-sysv', 'dbus', 'runit', 'needrestart', 'procps', 'iproute2', 'ca-certificates', 'libatomic1'] as const

/** Folder of the root tree. Takes half a minute the first time; must run outside of the lab's namespaces (mirror). */
export async function baseImage(suite: 'bookworm' | 'trixie' = 'bookworm'): Promise<string> {
  const recipe = createHash('sha256').update(JSON.stringify([suite, packages, mirror])).digest('hex').slice(0, 12)
  const folder = join(cache, `${suite}-${recipe}`)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const beside = `${folder}.${process.pid}`
  try {
    await run(['mmdebstrap', '--quiet', '--variant=minbase', `--include=${packages.join(',')}`, '--format=directory', suite, beside, mirror], 10 * 60_000)
    // Each host makes its own identity at its first boot.
    rmSync(join(beside, 'etc/machine-id'), { force: true })
    if (!existsSync(folder)) renameSync(beside, folder)
  } finally { rmSync(beside, { recursive: true, force: true }) }
  return folder
}
