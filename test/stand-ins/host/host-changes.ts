// Waiting for something on a stand-in host without sleeping: woken by the machine's events and by changes of the
// host's files.
import { mkdirSync, watch } from 'node:fs'
import { join } from 'node:path'

export interface HostChanges {
  /** Something may have happened. */
  readonly stir: () => void
  /** Resolves with what is found. @param failure the error's text when nothing is in time. */
  readonly until: <T>(find: () => T | undefined | false, timeoutMs: number, failure: () => string) => Promise<T>
}

const watched = ['var/log', 'var/log/gitlab/gitaly', 'var/lib/dpkg', 'proc/sys/kernel/random']

export function createHostChanges(root: string): HostChanges {
  const lookers = new Set<() => void>()
  const stir = (): void => { for (const look of lookers) look() }
  return {
    stir,
    async until(find, timeoutMs, failure) {
      const first = find()
      if (first !== undefined && first !== false) return first
      const watchers = watched.map((folder) => {
        mkdirSync(join(root, folder), { recursive: true })
        return watch(join(root, folder), stir)
      })
      try {
        return await new Promise((resolve, reject) => {
          const end = (act: () => void): void => {
            clearTimeout(timer)
            lookers.delete(look)
            act()
          }
          const timer = setTimeout(() => { end(() => { reject(new Error(failure())) }) }, timeoutMs)
          const look = (): void => {
            try {
              const found = find()
              if (found !== undefined && found !== false) end(() => { resolve(found) })
            } catch (error) {
              end(() => { reject(error instanceof Error ? error : new Error(String(error))) })
            }
          }
          lookers.add(look)
          look()
        })
      } finally {
        for (const watcher of watchers) watcher.close()
      }
    }
  }
}
