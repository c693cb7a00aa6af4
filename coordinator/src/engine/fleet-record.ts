// The fleet's own stream: freezes, and the promises that a restored store had lost. Who acts is its only writer and keeps its
// fold; a standby reads it from the store each time. Whether something may be told is for the coordinator, its only caller.
import { asFault } from '@pitstop/shared/fault'
import type { FleetEvent, Recorded } from '../domain/event.ts'
import { type FleetState, type Restored, foldFleet, noFleet } from '../domain/fleet-state.ts'
import { type Clock, type Store, fleetStream } from '../ports.ts'
import type { Hold } from './tenure.ts'

export interface FleetRecordParts {
  readonly store: Store
  readonly clock: Clock
  readonly acting: () => boolean
  readonly onEvent: (recorded: Recorded<FleetEvent>) => void
}

export class FleetRecord {
  readonly #parts: FleetRecordParts
  #state: FleetState = noFleet
  #hold: Hold | null = null

  constructor(parts: FleetRecordParts) { this.#parts = parts }

  begin(state: FleetState, hold: Hold): void {
    this.#state = state
    this.#hold = hold
  }

  end(): void { this.#hold = null }

  /** What holds for us while we act. */
  get state(): FleetState { return this.#state }

  /** Also right at a standby: by whoever acts, as the store has it. */
  async read(): Promise<FleetState> { return this.#parts.acting() ? this.#state : foldFleet(await this.#parts.store.read<FleetEvent>(fleetStream)) }

  /** When the store was last found not to be what it was, and why; null = never. */
  async readRestored(): Promise<Restored | null> {
    const { restoredAt, restoredWhy, found } = await this.read()
    return restoredAt === null ? null : { at: restoredAt, reasons: restoredWhy, promises: found.size }
  }

  async tell(epoch: number, event: FleetEvent): Promise<void> {
    const { store, clock, onEvent } = this.#parts
    const hold = this.#hold
    const recorded = await store.append<FleetEvent>(epoch, fleetStream, clock.now(), [event]).catch((error: unknown) => {
      // It may have been stored, and a freeze may not be forgotten: whoever acts next reads what is there.
      hold?.lost(asFault(error))
      throw error
    })
    this.#state = foldFleet(recorded, this.#state)
    for (const each of recorded) onEvent(each)
  }
}
