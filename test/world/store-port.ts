// The store as one coordinator process has it: slow, away, or gone before it could answer; and the process may be killed at
// any append, before or after it is stored.
import { Fault } from '@pitstop/shared/fault'
import type { Store, StreamEvent } from '@pitstop/coordinator/ports'
import type { MemoryStore } from './memory-store.ts'
import type { Process } from './process.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** unanswered: what was asked is done, and nobody hears of it. */
export type StoreGoes = 'well' | 'away' | 'unanswered' | { readonly slowMs: number }

/** Says whether the coordinator dies at this append, before or after it is stored. */
export type Killer = (append: number, events: readonly { readonly type: string }[]) => 'before' | 'after' | null

export interface StoreHooks {
  readonly goes: () => StoreGoes
  readonly killAt: (events: readonly { readonly type: string }[]) => 'before' | 'after' | null
  readonly kill: (process: Process) => void
  readonly heard: (seq: number) => void
}

export function storeFor(process: Process, store: MemoryStore, clock: VirtualClock, { goes, killAt, kill, heard }: StoreHooks): Store {
  const away = (): Fault => new Fault('STORE_UNAVAILABLE', 'the store does not answer')
  const badly = async <T>(fate: Exclude<StoreGoes, 'well'>, work: () => Promise<T>): Promise<T> => {
    const { copies } = store
    await clock.sleep(typeof fate === 'object' ? fate.slowMs : 3000)
    // What was on its way to the store that was is lost with it.
    if (store.copies !== copies) throw away()
    if (typeof fate === 'object') return work()
    if (fate === 'unanswered') await work()
    throw away()
  }
  const append: Store['append'] = async (epoch, stream, at, events, window) => {
    const fate = killAt(events)
    if (fate === 'before' && process.alive) {
      kill(process)
      return new Promise(() => undefined)
    }
    const recorded = await store.append(epoch, stream, at, events, window)
    if (fate === 'after' && process.alive) kill(process)
    return recorded
  }
  const concludeRestore: Store['concludeRestore'] = async (epoch, at, tell) => {
    const fate = killAt(tell('').flatMap(({ events }) => events))
    if (fate === 'before' && process.alive) {
      kill(process)
      return new Promise(() => undefined)
    }
    const recorded = await store.concludeRestore(epoch, at, tell)
    if (fate === 'after' && process.alive) kill(process)
    return recorded
  }
  /** What was answered is known to the process; an answer that comes to a stopped one is known later, or never. */
  const noting = async <T>(answer: Promise<readonly T[]>, seqOf: (row: T) => number): Promise<readonly T[]> => {
    const rows = await answer
    const newest = rows.at(-1)
    if (process.alive && !process.asleep && newest !== undefined) heard(seqOf(newest))
    return rows
  }
  const told: Readonly<Record<string, (answer: Promise<never>) => Promise<unknown>>> = {
    append: (answer: Promise<readonly { readonly seq: number }[]>) => noting(answer, ({ seq }) => seq),
    concludeRestore: (answer: Promise<readonly StreamEvent[]>) => noting(answer, ({ recorded }) => recorded.seq)
  }
  const port: Record<string, unknown> = {}
  for (const key of new Set([...Object.getOwnPropertyNames(Object.getPrototypeOf(store)), ...Object.keys(store)])) {
    const method: unknown = Reflect.get(store, key)
    if (typeof method !== 'function') {
      port[key] = method
      continue
    }
    const call = (key === 'append' ? append : key === 'concludeRestore' ? concludeRestore : method.bind(store)) as (...args: unknown[]) => Promise<unknown>
    port[key] = (...args: unknown[]) => {
      const fate = goes()
      const answer = fate === 'well' ? call(...args) : badly(fate, () => call(...args))
      return told[key]?.(answer as Promise<never>) ?? answer
    }
  }
  return port as unknown as Store
}
