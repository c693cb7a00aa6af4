// The two sources of the checker in one order, and its own books of both: what the journal says (ledger) and what is so
// (truth). Kept slowly and obviously, and apart from the fold and the agent, so that no mistake of theirs is inherited.
import type { Event, FleetEvent, Recorded } from '@pitstop/coordinator/domain/event'
import type { Plan } from '@pitstop/coordinator/domain/plan'
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
  readonly initialWeights: Readonly<Record<string, number>>
  readonly finalWeights: Readonly<Record<string, number>>
  readonly assignerActive: boolean
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
  const { journal, fleet = [], journaledAt } = evidence
  let next = 0
  let nextFleet = 0

  const enterRows = (until: (recorded: Recorded<unknown>) => boolean): void => {
    for (let recorded = journal[next]; recorded !== undefined && until(recorded); recorded = journal[++next]) {
      const row = { at: journaledAt?.(recorded.seq) ?? recorded.at, seq: recorded.seq, epoch: recorded.epoch }
      for (const check of journaled) check(recorded.event, row)
      ledger.enter(recorded.event, row)
    }
    for (let recorded = fleet[nextFleet]; recorded !== undefined && until(recorded); recorded = fleet[++nextFleet]) ledger.enterFleet(recorded.event)
  }

  for (const happening of evidence.happenings) {
    const { seq } = happening
    enterRows(seq === undefined ? ({ at }) => at <= happening.at : (recorded) => recorded.seq <= seq)
    for (const check of happened) check(happening)
    truth.enter(happening)
  }
  enterRows(() => true)
  for (const { ended } of checks) ended?.()
  return violations
}
