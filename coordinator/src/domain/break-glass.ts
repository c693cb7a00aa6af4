// The text of the break-glass file: what a person puts back when nothing of pitstop is left. Whoever acts writes what is owed
// and from which entry of the journal it knows; whoever stands by writes who acts instead. Read back by break-glass-lines.ts.
// Pure. It must never drop a promise that no journal holds.
import { formatInstant } from '@pitstop/shared/instant'
import { standbyMark, withoutStandby, wordedPrevious } from './break-glass-lines.ts'
import { type ByHand, type Promised, payByHand } from './obligations.ts'
import { type State, openObligations } from './state.ts'

/** Who wrote a file, and what was known: the journal up to `entry`, the newest one by then. */
export interface Written {
  /** Epoch ms. */
  readonly at: number
  readonly holder: string
  readonly epoch: number
  readonly entry: number
}

/** Who acts, as a standby sees it. */
export interface Acting { readonly holder: string, readonly address: string, readonly epoch: number }

const glassLine = (byHand: ByHand, each: Promised): string =>
  `# ${each.id}: ${each.kind === 'weight' ? `weight of ${each.subject}` : 'assigner'} was ${wordedPrevious(each)}${each.node === null ? '' : `, node ${each.node}`}\n${payByHand(byHand, each)}`

/** In the order in which they may be paid: the assigner would overwrite weights that are still to come. */
const payable = (promises: readonly Promised[]): Promised[] =>
  [...promises.filter(({ kind }) => kind !== 'assigner'), ...promises.filter(({ kind }) => kind === 'assigner')]

/**
 * One line per unpaid promise, readable and payable without pitstop.
 * @param state of the open window's plan, or of the last one; null = there is none. @param lost what a restored store had lost, under the ids of its time.
 */
export function breakGlass(state: State | null, lost: readonly Promised[], byHand: ByHand, { at, holder, epoch, entry }: Written): string {
  const lines = payable([...state === null ? [] : openObligations(state), ...lost]).map((each) => glassLine(byHand, each))
  const of = state === null ? 'no window is open' : `plan ${state.stored.hash.slice(0, 12)}, window ${state.window.number}`
  return [`# pitstop: what must be put back if pitstop cannot (${of}).`,
    `# written ${formatInstant(at)} by ${holder}, epoch ${epoch}, entry ${entry}; if another coordinator acted later, its file counts`,
    `# Pay a weight only when its node is healthy; the assigner last. First: set -o pipefail; export TOKEN=<administrator's token>${byHand.assigner === null || byHand.assigner.url === byHand.gitlab ? '' : ` ASSIGNER_TOKEN=<a token of ${byHand.assigner.url}>`}`,
    ...lines.length === 0 ? ['# Nothing has to be put back.'] : lines, ''].join('\n')
}

/** @param kept this machine's file as it was, if it has promises that the journal does not hold; null = there are none. */
export function standbyGlass({ holder, address, epoch }: Acting, at: number, kept: string | null): string {
  const machine = holder.split('/')[0] ?? holder
  return [`${standbyMark}pitstop on this machine does not act${kept === null ? ': nothing is to be paid from this file.' : '.'}`,
    `${standbyMark}seen ${formatInstant(at)}: ${holder} at ${address} acts, epoch ${epoch}. What must be put back stands in its file: on ${machine}, where break-glass in its configuration says.`,
    ...kept === null ? [] : [`${standbyMark}Below is what this machine had promised and the store's journal does not hold: was the store restored? Look at GitLab before you pay any of it.`, withoutStandby(kept).trimEnd()],
    ''].join('\n')
}
