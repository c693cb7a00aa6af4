// What dpkg's own files tell: who holds its lock, and whether a dpkg that was cut off left unfinished writes. Reads only;
// throws what the file system throws. Used by agent and units alike.
import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { deviceName, holders, type LockHolder, parseLocks } from '../domain/file-lock.ts'

/** The first is apt's and everybody's who asks apt, the second dpkg's own. */
const lockFiles = ['/var/lib/dpkg/lock-frontend', '/var/lib/dpkg/lock'] as const
/** apt itself looks as often. */
const lookEveryMs = 1000

/** undefined = it is free. */
export function dpkgLockHolder(root: string): LockHolder | undefined {
  const locks = parseLocks(readFileSync(join(root, '/proc/locks'), 'utf8'))
  for (const path of lockFiles) {
    const at = join(root, path)
    const file = statSync(at, { throwIfNoEntry: false })
    if (file === undefined) continue
    const found = holders(locks, { inode: file.ino, device: deviceName(file.dev) }).find(({ pid, sure }) => sure || hasOpen(root, pid, at))
    if (found !== undefined) return { path, pid: found.pid, program: programOf(root, found.pid) }
  }
  return undefined
}

/** Waits until it is free; the holder when it was not in time or was not waited for. Nothing tells of a lock's end. */
export async function dpkgLockFree(root: string, timeoutMs: number, signal: AbortSignal | undefined, tell: (holder: LockHolder) => void): Promise<LockHolder | undefined> {
  const until = performance.now() + timeoutMs
  for (let told: LockHolder | undefined; ;) {
    const holder = dpkgLockHolder(root)
    const left = until - performance.now()
    if (holder === undefined || left <= 0 || signal?.aborted === true) return holder
    if (told?.pid !== holder.pid) tell(told = holder)
    await sleep(Math.min(lookEveryMs, left), undefined, { signal }).catch(() => undefined)
  }
}

/** As apt judges it: any file there with a number for a name. */
export function unfinishedDpkgWrites(root: string): readonly string[] {
  try { return readdirSync(join(root, '/var/lib/dpkg/updates')).filter((name) => /^\d+$/.test(name)) } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function hasOpen(root: string, pid: number, path: string): boolean {
  const folder = join(root, '/proc', String(pid), 'fd')
  try {
    const target = realpathSync(path)
    return readdirSync(folder).some((fd) => { try { return readlinkSync(join(folder, fd)) === target } catch { return false } })
  } catch { return false }
}

/** The command line as a person knows it from `ps`; the bare name where there is none. */
function programOf(root: string, pid: number): string {
  const read = (name: string): string => { try { return readFileSync(join(root, '/proc', String(pid), name), 'utf8') } catch { return '' } }
  const text = read('cmdline').split('\0').join(' ').trim() || read('comm').trim()
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
