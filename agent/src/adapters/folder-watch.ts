// Wakes when something in one of a changing set of folders changes. Says nothing about what: the caller looks. A folder
// that cannot be watched is told, never passed over in silence.
import { type FSWatcher, watch } from 'node:fs'
import { chain, asFault } from '@pitstop/shared/fault'

export interface FolderWatch {
  /** From now on exactly these. */
  readonly set: (folders: readonly string[]) => void
  readonly close: () => void
}

export function watchFolders(onChange: () => void, onBlind: (folder: string, why: string) => void): FolderWatch {
  const watchers = new Map<string, FSWatcher>()
  const drop = (folder: string): void => {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }
  const set = (folders: readonly string[]): void => {
    for (const folder of watchers.keys()) if (!folders.includes(folder)) drop(folder)
    for (const folder of folders) {
      if (watchers.has(folder)) continue
      try {
        const watcher = watch(folder, { persistent: false }, onChange)
        watcher.on('error', (error) => { drop(folder); onBlind(folder, chain(error)) })
        watchers.set(folder, watcher)
      } catch (error) { onBlind(folder, chain(asFault(error))) }
    }
  }
  return { set, close: () => set([]) }
}
