// What this machine remembers of the store, in a file beside the break-glass file: which store it was, its highest epoch and
// its newest row. Incarnation and epoch are durable before the coordinator acts; the row follows, and may lag behind. Losing
// it costs nothing but the notice that a store was restored. It names the fleet: two fleets that share a folder by default
// would overwrite each other's promises, so the second one is refused.
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import { type StoreMemory, isPlausibleEpoch } from '../domain/restored.ts'
import type { StoreRecollection } from '../engine/take-over.ts'
import { replaceFile } from './durable-file.ts'

/** @param breakGlass path of the break-glass file. @param told of a memory that cannot be understood or written: it is as good as none. */
export function storeMemoryFile(breakGlass: string, fleet: string, told: (text: string) => void): StoreRecollection {
  const path = join(dirname(breakGlass), 'store-memory.json')
  /** What this process wrote or is about to; null = nothing yet, and then nothing is noted. */
  let memory: StoreMemory | null = null
  let stale = false
  /** One write at a time: they share a temporary file. */
  let last: Promise<unknown> = Promise.resolve()
  const save = (): Promise<void> => {
    const turn = last.then(async () => {
      stale = false
      await replaceFile(path, `${JSON.stringify({ version: 1, fleet, ...memory })}\n`)
    })
    last = turn.catch(() => undefined)
    return turn
  }

  return {
    file: breakGlass,

    async read() {
      const text = await readIfThere(path)
      if (text === null) return null
      const owner = fleetIn(text)
      if (owner !== null && owner !== fleet) {
        throw new Fault('INVALID_CONFIGURATION', `${path} belongs to fleet ${owner}, not to ${fleet}: the two would overwrite each other's break-glass file and memory`, { hint: `give each fleet a folder of its own: break-glass: ${join(dirname(breakGlass), fleet, 'break-glass.txt')}` })
      }
      const understood = memoryIn(text)
      if (understood === null) told(`${path} is not understood and is made anew`)
      return understood
    },

    async write({ incarnation, epoch, seq }) {
      memory = { incarnation, epoch, seq }
      try {
        await save()
      } catch (error) {
        throw new Fault('STORE_UNAVAILABLE', `cannot write ${path}`, { cause: error, hint: 'check the folder and its permissions: nothing is done without it' })
      }
    },

    note(seq) {
      if (memory === null || seq <= memory.seq) return
      memory = { ...memory, seq }
      // Many rows, one write: whoever waits for its turn writes the newest.
      if (stale) return
      stale = true
      save().catch((error: unknown) => { told(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`) })
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

/** Null: releases before this one did not say; or it is not understood at all. */
function fleetIn(text: string): string | null {
  try {
    const { fleet } = JSON.parse(text) as Record<string, unknown>
    return typeof fleet === 'string' ? fleet : null
  } catch {
    return null
  }
}

function memoryIn(text: string): StoreMemory | null {
  try {
    // Releases before this one remembered no row.
    const { version, incarnation, epoch, seq = 0 } = JSON.parse(text) as Record<string, unknown>
    return version === 1 && typeof incarnation === 'string' && isWhole(epoch) && isPlausibleEpoch(epoch, epoch) && isWhole(seq) ? { incarnation, epoch, seq } : null
  } catch {
    return null
  }
}

const isWhole = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value)
