// What this machine remembers of the store, in a file beside the break-glass file: which store it was and its highest
// epoch. Durable before the coordinator acts. Losing it costs nothing but the notice that a store was restored.
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import type { StoreMemory } from '../domain/restored.ts'
import type { StoreRecollection } from '../engine/take-over.ts'
import { replaceFile } from './durable-file.ts'

/** @param breakGlass path of the break-glass file. @param told of a memory that cannot be understood: it is as good as none. */
export function storeMemoryFile(breakGlass: string, told: (text: string) => void): StoreRecollection {
  const path = join(dirname(breakGlass), 'store-memory.json')
  return {
    file: breakGlass,

    async read() {
      const text = await readIfThere(path)
      if (text === null) return null
      const memory = understood(text)
      if (memory === null) told(`${path} is not understood and is made anew`)
      return memory
    },

    async write({ incarnation, epoch }) {
      try {
        await replaceFile(path, `${JSON.stringify({ version: 1, incarnation, epoch })}\n`)
      } catch (error) {
        throw new Fault('STORE_UNAVAILABLE', `cannot write ${path}`, { cause: error, hint: 'check the folder and its permissions: nothing is done without it' })
      }
    },

    promises: async () => await readIfThere(breakGlass) ?? ''
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new Fault('STORE_UNAVAILABLE', `cannot read ${path}`, { cause: error, hint: 'check its permissions: it says what may be unpaid' })
  }
}

function understood(text: string): StoreMemory | null {
  try {
    const { version, incarnation, epoch } = JSON.parse(text) as Record<string, unknown>
    return version === 1 && typeof incarnation === 'string' && typeof epoch === 'number' && Number.isSafeInteger(epoch) ? { incarnation, epoch } : null
  } catch {
    return null
  }
}
