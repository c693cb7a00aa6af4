// Plants the bugs of some invariants, one after the other, and wants each of them seen in the words of its invariant.
import type { Test } from 'tap'
import { bugs } from './bugs.ts'
import { simulate } from './crew.ts'

/** A bug that is not seen in so many windows is not seen. */
const windows = 1500

export function provePlanted(t: Test, invariants: readonly number[]): void {
  for (const invariant of invariants) {
    const breaking = bugs.filter((bug) => bug.invariant === invariant)
    void t.test(`invariant ${invariant} has bugs that break it`, async (t) => { t.ok(breaking.length > 0) })
    for (const { name, seen, from = 1, zone = 'UTC' } of breaking) {
      void t.test(`invariant ${invariant}: "${name}" is seen`, async (t) => {
        const result = await simulate({ first: from, windows, nodes: null, zone, bug: name, workers: 1, until: seen.source })
        const found = result.wrong.flatMap(({ seed, violations }) => violations.filter((each) => seen.test(each)).map((each) => `seed ${seed}: ${each}`))
        t.match(found[0], seen, `after ${result.windows} windows: ${found[0] ?? result.wrong[0]?.violations[0] ?? 'nothing seen'}`)
      })
    }
  }
}
