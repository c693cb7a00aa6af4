// Breadth-first search over every state that a model can reach; the first state that breaks a rule comes back with the
// shortest way to it. Knows nothing of what is modelled.

export interface Model<S> {
  readonly initial: readonly S[]
  /** Every step that is possible now: its name, and the state after it. */
  readonly steps: (state: S) => Iterable<readonly [name: string, after: S]>
  /** Two states with one key are the same state. */
  readonly key: (state: S) => string
  /** What is wrong with a state; undefined = nothing. */
  readonly broken: (state: S) => string | undefined
}

export interface Exploration<S> {
  readonly states: number
  readonly steps: number
  /** How many steps the farthest state is away. */
  readonly depth: number
  readonly violation: { readonly rule: string, readonly trace: readonly string[], readonly state: S } | null
  /** Whether a state of each name was met: an exploration that never gets anywhere proves nothing. */
  readonly met: ReadonlySet<string>
}

export function explore<S>(model: Model<S>, landmarks: Readonly<Record<string, (state: S) => boolean>> = {}, mostStates = 3_000_000): Exploration<S> {
  /** By number: how the state was reached. The states themselves are kept only until their successors are known. */
  const parents: number[] = []
  const names: string[] = []
  const seen = new Set<string>()
  const met = new Set<string>()
  let frontier: { readonly state: S, readonly number: number }[] = []
  let steps = 0
  let depth = 0

  const trace = (number: number): string[] => {
    const found: string[] = []
    for (let at = number; at !== -1; at = parents[at] ?? -1) found.push(names[at] ?? '')
    return found.reverse()
  }
  const visit = (state: S, parent: number, name: string, next: typeof frontier): string | undefined => {
    const key = model.key(state)
    if (seen.has(key)) return undefined
    seen.add(key)
    const number = parents.push(parent) - 1
    names.push(name)
    next.push({ state, number })
    for (const [landmark, reached] of Object.entries(landmarks)) if (!met.has(landmark) && reached(state)) met.add(landmark)
    return model.broken(state)
  }
  const result = (violation: Exploration<S>['violation']): Exploration<S> => ({ states: seen.size, steps, depth, violation, met })

  for (const state of model.initial) {
    const rule = visit(state, -1, 'begin', frontier)
    if (rule !== undefined) return result({ rule, trace: ['begin'], state })
  }
  for (; frontier.length > 0; depth++) {
    const next: typeof frontier = []
    for (const { state, number } of frontier) {
      for (const [name, after] of model.steps(state)) {
        steps++
        const rule = visit(after, number, name, next)
        if (rule !== undefined) return result({ rule, trace: trace(parents.length - 1), state: after })
      }
    }
    if (seen.size > mostStates) throw new RangeError(`more than ${mostStates} states: the model is too large to be explored whole`)
    frontier = next
  }
  return result(null)
}
