// A state in the making: what events are entered into. The state that it begins with stays as it was; of its large maps a
// copy is made when they are first written to, once for all events that are entered together.
import type { NodeState, Obligation, State } from './state.ts'

export class Making {
  window: State['window']
  windowSteps: State['windowSteps']
  manifests: State['manifests']
  writesInDoubt: State['writesInDoubt']
  seq: number
  lastAt: number
  readonly #from: State
  #nodes: Map<string, NodeState> | null = null
  #obligations: Map<string, Obligation> | null = null

  constructor(from: State) {
    this.#from = from
    this.window = from.window
    this.windowSteps = from.windowSteps
    this.manifests = from.manifests
    this.writesInDoubt = from.writesInDoubt
    this.seq = from.seq
    this.lastAt = from.lastAt
  }

  get stored(): State['stored'] { return this.#from.stored }
  get nodes(): State['nodes'] { return this.#nodes ?? this.#from.nodes }
  get obligations(): State['obligations'] { return this.#obligations ?? this.#from.obligations }

  setNode(node: NodeState): void { (this.#nodes ??= new Map(this.#from.nodes)).set(node.node, node) }
  setObligation(obligation: Obligation): void { (this.#obligations ??= new Map(this.#from.obligations)).set(obligation.id, obligation) }

  made(): State {
    const { stored, window, nodes, windowSteps, manifests, obligations, writesInDoubt, seq, lastAt } = this
    return { stored, window, nodes, windowSteps, manifests, obligations, writesInDoubt, seq, lastAt }
  }
}
