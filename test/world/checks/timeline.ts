// The two sources of the checker in one order, and its own books of both: what the journal says (ledger) and what is so
// (truth). Kept slowly and obviously, and apart from the fold and the agent, so that no mistake of theirs is inherited.
import type { Event, FleetEvent, Recorded } from '@pitstop/coordinator/domain/event'
import type { Plan } from '@pitstop/coordinator/domain/plan'
import { fleetStream } from '@pitstop/coordinator/ports'
import type { Happening } from '../history.ts'
import { Ledger } from './ledger.ts'
import { Truth } from './truth.ts'

/** What the checker needs of a simulated world or of a fleet of real processes. */
export interface Evidence {
  readonly happenings: readonly Happening[]
  readonly journal: readonly Recorded<Event>[]
  /** Events of the fleet's own stream. */
  readonly fleet?: readonly Recorded<FleetEvent>[]
  /** True time of a row, by its seq; left out: the journal's own time is true. */
  readonly journaledAt?: (seq: number) => number
  readonly plan: Plan
  /** Stream of the plan's journal; needed only where a store was put back. */
  readonly planHash?: string
  readonly initialWeights: Readonly<Record<string, number>>
  readonly finalWeights: Readonly<Record<string, number>>
  readonly assignerActive: boolean
  /** A gate on alerts is configured. */
  readonly alertsAreRead?: boolean
  readonly mostWritesAtOnce: number
  /** Weight writes sent while a lost one could still land. */
  readonly overtakenWrites: number
}

/** One check: is asked about everything in order, before it is entered in the books. */
export interface Check {
  readonly journaled?: (event: Event, row: Row) => void
  readonly happened?: (happening: Happening) => void
  readonly ended?: () => void
}

export interface Row { readonly at: number, readonly seq: number, readonly epoch: number }

export interface Books {
  readonly evidence: Evidence
  readonly plan: Plan
  readonly ledger: Ledger
  readonly truth: Truth
  readonly blame: (text: string) => void
}

export function runChecks(evidence: Evidence, makes: readonly ((books: Books) => Check)[]): string[] {
  const violations: string[] = []
  const ledger = new Ledger(evidence.plan)
  const truth = new Truth(evidence)
  const books: Books = { evidence, plan: evidence.plan, ledger, truth, blame: (text) => { if (violations.length < 20) violations.push(text) } }
  const checks = makes.map((make) => make(books))
  const journaled = checks.flatMap((check) => check.journaled ?? [])
  const happened = checks.flatMap((check) => check.happened ?? [])
  const stretches = stretchesOf(evidence)
  let { journal, fleet } = stretches.shift() ?? { journal: [], fleet: [] }
  let next = 0
  let nextFleet = 0

  const enterRows = (until: (recorded: Recorded<unknown>) => boolean): void => {
    for (let entry = journal[next]; entry !== undefined && until(entry.recorded); entry = journal[++next]) {
      for (const check of journaled) check(entry.recorded.event, entry.row)
      ledger.enter(entry.recorded.event, entry.row)
    }
    for (let recorded = fleet[nextFleet]; recorded !== undefined && until(recorded); recorded = fleet[++nextFleet]) ledger.enterFleet(recorded)
  }

  for (const happening of evidence.happenings) {
    const { seq } = happening
    enterRows(seq === undefined ? ({ at }) => at <= happening.at : (recorded) => recorded.seq <= seq)
    for (const check of happened) check(happening)
    truth.enter(happening)
    if (happening.what !== 'store-put-back') continue
    ledger.putBack(happening);
    ({ journal, fleet } = stretches.shift() ?? { journal: [], fleet: [] })
    next = nextFleet = 0
  }
  enterRows(() => true)
  for (const { ended } of checks) ended?.()
  return violations
}

interface Stretch { readonly journal: readonly { readonly recorded: Recorded<Event>, readonly row: Row }[], readonly fleet: readonly Recorded<FleetEvent>[] }

/** The journal as it grew: up to the first time that the store was put back, from there to the next, and so on. */
function stretchesOf({ happenings, journal, fleet = [], journaledAt, planHash }: Evidence): Stretch[] {
  const entryOf = (recorded: Recorded<Event>, at: number): Stretch['journal'][number] => ({ recorded, row: { at, seq: recorded.seq, epoch: recorded.epoch } })
  let rows = journal.map((recorded) => entryOf(recorded, journaledAt?.(recorded.seq) ?? recorded.at))
  let fleetRows = [...fleet]
  const stretches: Stretch[] = []
  for (const happening of happenings.toReversed()) {
    if (happening.what !== 'store-put-back') continue
    const { kept, lost } = happening
    stretches.unshift({ journal: rows.filter(({ row }) => row.seq > kept), fleet: fleetRows.filter(({ seq }) => seq > kept) })
    rows = [...rows.filter(({ row }) => row.seq <= kept), ...lost.filter(({ stream }) => stream === planHash).map(({ recorded, at }) => entryOf(recorded as Recorded<Event>, at))]
    fleetRows = [...fleetRows.filter(({ seq }) => seq <= kept), ...lost.filter(({ stream }) => stream === fleetStream).map(({ recorded }) => recorded as Recorded<FleetEvent>)]
  }
  return [{ journal: rows, fleet: fleetRows }, ...stretches]
}
