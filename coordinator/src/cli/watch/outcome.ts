// What became of a window, as the exit code says it.
import type { WindowView } from '../../domain/view.ts'
import type { Exit } from '../exit-codes.ts'

/** Mirrors outcomeOf(state) of domain/view.ts, for those who have the view alone; halted counts as failed. */
export function outcomeOfView({ nodes, obligations, label }: Pick<WindowView, 'nodes' | 'obligations' | 'label'>): Extract<Exit, 'done' | 'unfinished' | 'failed'> {
  const left = obligations.some(({ status }) => status === 'open')
  if (label === 'halted' || left || nodes.some(({ phase, overdue }) => phase === 'failed' || phase === 'written-off' || overdue)) return 'failed'
  return nodes.every(({ phase }) => phase === 'done' || phase === 'current' || phase === 'skipped') ? 'done' : 'unfinished'
}
