// For tests of the API and the CLI: the coordinator's face over a journal in memory, with the real plan, fold, commands
// and view. It has no engine: tests say what happened with `record`.
import { Fault, type Reason } from '@pitstop/shared/fault'
import { type Command, command } from '../domain/command.ts'
import type { Event, FleetEvent, Recorded } from '../domain/event.ts'
import type { Restored } from '../domain/fleet-state.ts'
import { apply, emptyState } from '../domain/fold.ts'
import { type Policy, type StoredPlan, sealPlan } from '../domain/plan.ts'
import type { Preflight } from '../domain/preflight.ts'
import { emptyReport } from '../domain/report.ts'
import type { State } from '../domain/state.ts'
import { type ObligationView, type WindowView, windowView } from '../domain/view.ts'
import type { EventListener } from '../engine/coordinator.ts'
import type { PlanRequest } from '../engine/planning.ts'
import { standbyReason } from '../engine/standing.ts'
import { type LeaseRow, type StreamEvent, fleetStream } from '../ports.ts'
import type { Served } from './ports.ts'

export const nodeNames = ['gitaly-01.test', 'gitaly-02.test', 'gitaly-03.test'] as const
export const startedAt = Date.UTC(2026, 10, 22, 2)

export class ServedInMemory implements Served {
  acting = true
  holder: LeaseRow | null = { fleet: 'lab', holder: 'host/1/ab', address: 'pitstop.test:7442', api: 'https://pitstop.test:7443', epoch: 3, expiresAt: startedAt + 30_000, leftMs: 30_000, ttlMs: 40_000 }
  frozen: { readonly by: string, readonly reason: string } | null = null
  lost: ObligationView[] = []
  restored: Restored | null = null
  checked: Preflight = { problems: [], warnings: [], remarks: [] }
  readonly #plans = new Map<string, StoredPlan>()
  readonly #rows: { readonly stream: string, readonly recorded: Recorded<Event | FleetEvent> }[] = []
  readonly #listeners = new Set<EventListener>()
  #state: State | null = null

  get standing(): Reason | null { return this.acting ? null : standbyReason(this.holder === null ? null : { row: this.holder, readMs: 0, renewedMs: 0, freeInMs: this.holder.leftMs }, null) }
  get listeners(): number { return this.#listeners.size }

  onEvent(listener: EventListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async draftPlan({ by, reason, opensAt, closesAt, only, policy }: PlanRequest): Promise<StoredPlan> {
    if (closesAt <= opensAt) throw new Fault('INVALID_INPUT', 'the window closes before it opens')
    const nodes = nodeNames.filter((node) => only === undefined || only.includes(node))
    if (nodes.length === 0) throw new Fault('NOT_FOUND', `not in the inventory: ${only?.join(', ') ?? ''}`)
    return sealPlan({
      version: 1, fleet: 'lab', createdAt: startedAt, createdBy: by, reason, opensAt, closesAt, excluded: [], policy, estimateMs: 600_000,
      nodes: nodes.map((node) => ({ node, address: `${node}:7441`, gitaly: '', storages: [node.split('.')[0] ?? node], zone: 'a', platform: 'debian-12-amd64' }))
    })
  }

  async makePlan(request: PlanRequest): Promise<StoredPlan> {
    const stored = await this.draftPlan(request)
    this.#plans.set(stored.hash, stored)
    return stored
  }

  async findPlan(hash: string): Promise<StoredPlan> {
    const found = [...this.#plans.values()].find((each) => each.hash.startsWith(hash))
    if (found === undefined) throw new Fault('NOT_FOUND', `there is no plan ${hash}`)
    return found
  }

  async readFrozen(): Promise<{ readonly by: string, readonly reason: string } | null> { return this.frozen }
  async readRestored(): Promise<Restored | null> { return this.restored }
  async backup(): Promise<Uint8Array> { return Buffer.from('SQLite format 3\0') }

  async lostPromises(): Promise<ObligationView[]> { return this.lost }
  async listPlans(): Promise<StoredPlan[]> { return [...this.#plans.values()] }
  async preflight(): Promise<Preflight> { return this.checked }

  requireNoWindow(): void {
    if (!this.acting) throw new Fault('STANDBY', 'this coordinator stands by; other/2/cd acts', { hint: 'ask other.test:7443' })
    const phase = this.#state?.window.phase ?? 'none'
    if (phase !== 'none' && phase !== 'closed') throw new Fault('WINDOW_OPEN', `window ${this.#state?.window.number} is ${phase}, opened by ${this.#state?.window.by} (monthly)`)
  }

  async openWindow(hash: string, { by, reason, confirm }: { readonly by: string, readonly reason: string, readonly confirm: string }): Promise<void> {
    this.requireNoWindow()
    const stored = await this.findPlan(hash)
    if (!stored.hash.startsWith(confirm) || confirm.length < 8) throw new Fault('CONFIRMATION_MISMATCH', 'confirm with at least 8 characters of the plan\'s hash')
    if (this.checked.problems.length > 0) throw new Fault('PREFLIGHT_FAILED', 'not opened', { reasons: this.checked.problems })
    if (this.#state?.stored !== stored) this.#state = emptyState(stored)
    this.record({
      type: 'window-opened', window: this.#state.window.number + 1, by, reason, closesAt: stored.plan.closesAt,
      weights: { 'gitaly-01': 100, 'gitaly-02': 50, 'gitaly-03': 0, 'spare': 50 }, assignerActive: true
    })
  }

  async command(said: Command): Promise<void> {
    if (this.#state === null) throw new Fault('NO_WINDOW', 'no window is open')
    this.record(...command(this.#state, said, Date.now()))
  }

  async handOver(said: Extract<Command, { kind: 'hand-over' }>): Promise<string> {
    const shown = { now: 0, text: 'GitLab shows 0, it was 100' }
    await this.command({ ...said, shown })
    return shown.text
  }

  async freeze(by: string, reason: string): Promise<void> {
    this.frozen = { by, reason }
    this.#add(fleetStream, { type: 'frozen', by, reason })
  }

  async unfreeze(by: string, reason: string): Promise<void> {
    this.frozen = null
    this.#add(fleetStream, { type: 'unfrozen', by, reason })
  }

  async view(hash?: string): Promise<WindowView | null> {
    const state = this.#state
    if (state === null || (hash !== undefined && !state.stored.hash.startsWith(hash))) return null
    return windowView(state, null, emptyReport, { gitlab: 'https://gitlab.test', assigner: null })
  }

  async journal(hash: string, afterSeq: number): Promise<Recorded<Event>[]> { return this.#after(hash, afterSeq) }
  async fleetJournal(afterSeq: number): Promise<Recorded<FleetEvent>[]> { return this.#after(fleetStream, afterSeq) }
  async journalAfter(afterSeq: number): Promise<StreamEvent[]> { return this.#rows.filter(({ recorded }) => recorded.seq > afterSeq) }
  async lease(): Promise<LeaseRow | null> { return this.holder }

  /** What the engine would have journaled, a second apart. */
  record(...events: readonly Event[]): void {
    const state = this.#state
    if (state === null) throw new Error('no window was opened')
    for (const event of events) this.#add(state.stored.hash, event)
  }

  #add(stream: string, event: Event | FleetEvent): void {
    const seq = this.#rows.length + 1
    const recorded = { seq, at: startedAt + seq * 1000, epoch: 3, event }
    this.#rows.push({ stream, recorded })
    if (stream !== fleetStream && this.#state !== null) this.#state = apply(this.#state, recorded as Recorded<Event>)
    // A standby hears of nothing: another process has written it.
    if (this.acting) for (const listener of this.#listeners) listener(recorded, stream)
  }

  #after<E>(stream: string, afterSeq: number): Recorded<E>[] {
    return this.#rows.filter((row) => row.stream === stream && row.recorded.seq > afterSeq).map(({ recorded }) => recorded as Recorded<E>)
  }
}

export const testPolicy: Policy = {
  groupSize: 2, strictBatches: false, prepareAhead: 2, failureBudget: 1, canaryFirst: true, drain: 'zero-weight', activeStorageFloor: 2,
  settleMs: 1000, soakMs: 10_000, watchMs: 60_000, rebootDelayMs: 0, reboot: 'always', prepareEstimateMs: 300_000, downEstimateMs: 120_000,
  allowanceMs: 120_000, deadlines: { stageMs: 900_000, upgradeMs: 1_800_000, returnMs: 600_000 }, assigner: 'pause', livePipelines: 'wait'
}
