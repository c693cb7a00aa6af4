// apt's two locks, with its patience and its words.
import { setTimeout as sleep } from 'node:timers/promises'
import { AptError, type AptRequest, print } from './apt-request.ts'
import { readDatabase, takeLock, wasInterrupted } from './package-database.ts'

/** Runs under a lock as apt does: DPkg::Lock::Timeout seconds of patience, -1 for ever, then exit 100. */
export async function locked(root: string, place: 'dpkgLock' | 'listsLock', request: AptRequest, work: () => Promise<number>): Promise<number> {
  const patience = Number(request.options.get('dpkg::lock::timeout') ?? 0)
  const deadline = patience < 0 ? Infinity : Date.now() + patience * 1000
  const path = place === 'dpkgLock' ? '/var/lib/dpkg/lock-frontend' : '/var/lib/apt/lists/lock'
  let told = false
  for (;;) {
    const lock = takeLock(root, place, 'apt-get')
    if ('release' in lock) {
      process.on('exit', lock.release)
      try {
        if (place === 'dpkgLock' && wasInterrupted(readDatabase(root))) {
          throw new AptError("dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ")
        }
        return await work()
      } finally {
        lock.release()
      }
    }
    const held = `Could not get lock ${path}. It is held by process ${lock.holder.pid} (${lock.holder.name})`
    if (Date.now() >= deadline) {
      throw new AptError(`${held}\nN: Be aware that removing the lock file is not a solution and may break your system.\n${
        place === 'dpkgLock' ? `Unable to acquire the dpkg frontend lock (${path}), is another process using it?` : 'Unable to lock directory /var/lib/apt/lists/'}`)
    }
    if (!told) print(`Waiting for cache lock: ${held}...`)
    told = true
    await sleep(Math.min(200, Math.max(1, deadline - Date.now())))
  }
}
