// A unit that was started ahead of its order: woken by the directory when the agent writes the acceptance there.
import { watch } from 'node:fs'
import type { UnitContext } from './unit-context.ts'

/** False: it did not come in time, and this unit ends as if it had never been. */
export function accepted({ store, id }: UnitContext, waitMs: number): Promise<boolean> {
  const isAccepted = (): boolean => store.read(id)?.accepted !== undefined
  if (isAccepted()) return Promise.resolve(true)
  if (waitMs <= 0) return Promise.resolve(false)
  return new Promise((resolve) => {
    const end = (answer: boolean): void => {
      clearTimeout(late)
      watcher.close()
      resolve(answer)
    }
    const late = setTimeout(() => { end(isAccepted()) }, waitMs)
    const watcher = watch(store.pathOf(id, '.'), () => { if (isAccepted()) end(true) })
    // It may have come between the first look and the watch.
    if (isAccepted()) end(true)
  })
}
