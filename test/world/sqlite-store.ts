// The real SQLite store, by its real adapter, under a simulated coordinator; and a mirror of it in memory, which is what the world
// judges by. A kill closes the file in the middle of whatever was going on, and the next coordinator opens it as it was left.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Recorded } from '@pitstop/coordinator/domain/event'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import type { StoredPlan } from '@pitstop/coordinator/domain/plan'
import type { Incarnation, LeaseRow, LeaseWishes, Store, Told, WindowRow, StreamEvent } from '@pitstop/coordinator/ports'
import { MemoryStore, type StoreCopy } from './memory-store.ts'

/** Processes die here, machines do not: a folder in memory loses nothing that a disk would keep. */
const folders = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const parts = ['', '-wal'] as const

export class SqliteStore extends MemoryStore {
  readonly #folder = mkdtempSync(join(folders, 'pitstop-simulated-'))
  readonly #path = join(this.#folder, 'coordinator.db')
  #opened: Promise<Store> | null = null
  #closing: Promise<unknown> = Promise.resolve()
  /** To be put in place of the file before it is opened again. */
  #files: StoreCopy['files'] | null = null

  /** The process that had it open is gone. */
  override crashed(): void {
    const opened = this.#opened
    this.#opened = null
    if (opened !== null) this.#closing = opened.then((store) => store.close()).catch(() => undefined)
  }

  #store(): Promise<Store> {
    return this.#opened ??= this.#closing.then(() => {
      if (this.#files !== null) for (const part of [...parts, '-shm'] as const) rmSync(this.#path + part, { force: true })
      for (const part of parts) {
        const bytes = this.#files?.[part] ?? null
        if (bytes !== null) writeFileSync(this.#path + part, bytes)
      }
      this.#files = null
      return openStore(this.#path, this.fleet, this.now)
    })
  }

  override async takeLease(holder: string, address: string, ttlMs: number, wishes: LeaseWishes = {}): Promise<LeaseRow | null> {
    const row = await (await this.#store()).takeLease(holder, address, ttlMs, wishes)
    if (row !== null) this.onTaken(this.lease = row)
    return row
  }

  override async renewLease(holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    const renewed = await (await this.#store()).renewLease(holder, epoch, ttlMs)
    if (renewed) await super.renewLease(holder, epoch, ttlMs)
    return renewed
  }

  override async releaseLease(holder: string, epoch: number): Promise<void> {
    await (await this.#store()).releaseLease(holder, epoch)
    await super.releaseLease(holder, epoch)
  }

  override async readLease(): Promise<LeaseRow | null> { return (await this.#store()).readLease() }

  override async noteFiled(epoch: number): Promise<void> {
    await (await this.#store()).noteFiled(epoch)
    await super.noteFiled(epoch)
  }

  override async append<E extends { readonly type: string }>(epoch: number, stream: string, at: number, events: readonly E[], window?: WindowRow): Promise<Recorded<E>[]> {
    const recorded = await (await this.#store()).append(epoch, stream, at, events, window)
    const mirrored = await super.append(epoch, stream, at, events, window)
    if (recorded.some(({ seq }, index) => seq !== mirrored[index]?.seq)) throw new Error(`SQLite numbered ${recorded[0]?.seq ?? 0} what is row ${mirrored[0]?.seq ?? 0}`)
    return recorded
  }

  override async read<E>(stream: string, afterSeq = 0): Promise<Recorded<E>[]> { return (await this.#store()).read<E>(stream, afterSeq) }
  override async readAll(afterSeq: number, most?: number): Promise<StreamEvent[]> { return (await this.#store()).readAll(afterSeq, most) }
  override async savePlan(plan: StoredPlan): Promise<void> { await (await this.#store()).savePlan(plan) }
  override async readPlan(hash: string): Promise<StoredPlan | null> { return (await this.#store()).readPlan(hash) }
  override async listPlans(): Promise<StoredPlan[]> { return (await this.#store()).listPlans() }
  override async openWindow(): Promise<{ readonly plan: string, readonly number: number } | null> { return (await this.#store()).openWindow() }
  override async incarnation(): Promise<Incarnation> { return (await this.#store()).incarnation() }
  override async reincarnate(epoch: number, id?: string): Promise<string> { return (await this.#store()).reincarnate(epoch, id) }


  override async concludeRestore(epoch: number, at: number, tell: (incarnation: string) => readonly Told[]): Promise<StreamEvent[]> {
    let told: readonly Told[] = []
    const recorded = await (await this.#store()).concludeRestore(epoch, at, (id) => told = tell(id))
    await super.concludeRestore(epoch, at, () => told)
    return recorded
  }

  override async close(): Promise<void> {
    this.crashed()
    await this.#closing
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Between two moments no transaction is open: file and log are whole together, as a crash would leave them. */
  override copy(): StoreCopy {
    const bytesOf = (part: string): Uint8Array | null => existsSync(this.#path + part) ? readFileSync(this.#path + part) : null
    return { ...super.copy(), files: { '': bytesOf(''), '-wal': bytesOf('-wal') } }
  }

  override putBack(copy: StoreCopy): ReturnType<MemoryStore['putBack']> {
    this.crashed()
    this.#files = copy.files ?? null
    return super.putBack(copy)
  }
}
