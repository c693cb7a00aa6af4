// Notices an effect that goes round in circles: done again and again as fast as GitLab or an agent refuses, with nothing journaled
// of it. Every effect has its own pause in the runbook; this is for the one whose pause was forgotten. Knows no effect by name.

/** A host that is about to be healthy is looked at five times a second, and at once for each report; nothing needs four times that. */
const most = 20
const withinMs = 1000

export class InVain {
  readonly #counted = new Map<string, { readonly since: number, times: number }>()

  /** It was done and changed nothing. True: so often by now that it must be held. @param now on the clock that never jumps. */
  tooOften(key: string, now: number): boolean {
    const before = this.#counted.get(key)
    const counted = before !== undefined && now - before.since < withinMs ? before : { since: now, times: 0 }
    counted.times++
    this.#counted.set(key, counted)
    return counted.times > most
  }
}
