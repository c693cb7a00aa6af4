// Reads what is installed, once per boot and aside from everything else: begun when the agent comes up, so that it has long
// ended when Gitaly serves. A reading that found something wrong is made again, because a person may mend it. Decides nothing.
import { known } from '../adapters/host-checks.ts'
import type { PackageVersion } from '../domain/apt-plan.ts'
import { comparePackages, type PackageFacts } from '../domain/package-evidence.ts'
import { isKnown, type Known } from '../domain/veto.ts'
import type { Apt, Clock } from '../ports.ts'

/** Between two readings while something is wrong. */
const againMs = 10_000

export interface PackageReadingParts {
  readonly apt: Pick<Apt, 'installed' | 'audit'>
  readonly clock: Pick<Clock, 'monotonic'>
  readonly expected: readonly PackageVersion[]
  /** There is something new to judge. */
  readonly changed: () => void
}

export class PackageReading {
  readonly #parts: PackageReadingParts
  #fact: Known<PackageFacts> = { unknown: 'they are still being read' }
  #readAt = Number.NEGATIVE_INFINITY
  #running = false

  constructor(parts: PackageReadingParts) {
    this.#parts = parts
    void this.#read()
  }

  get fact(): Known<PackageFacts> {
    const wrong = !isKnown(this.#fact) || this.#fact.value.differing.length > 0 || this.#fact.value.audit !== ''
    if (wrong && !this.#running && this.#parts.clock.monotonic() - this.#readAt > againMs) void this.#read()
    return this.#fact
  }

  async #read(): Promise<void> {
    const { apt, clock, expected, changed } = this.#parts
    this.#running = true
    const fact = await known(async () => {
      const [installed, audit] = await Promise.all([expected.length === 0 ? [] : apt.installed(), apt.audit()])
      return comparePackages(expected, installed, audit)
    })
    this.#running = false
    this.#readAt = clock.monotonic()
    const news = JSON.stringify(fact) !== JSON.stringify(this.#fact)
    this.#fact = fact
    if (news) changed()
  }
}
