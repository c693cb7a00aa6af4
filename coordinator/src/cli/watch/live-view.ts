// A window as lines on a screen: header, what holds it up, a line per node. Pure, so that the demo, `window show` and
// the tests draw the same. The finished and the waiting give way first when there are more nodes than rows.
import { formatDuration } from '@pitstop/shared/duration'
import type { Reason } from '@pitstop/shared/fault'
import type { NodeView, WindowView } from '../../domain/view.ts'
import { fit } from '../table.ts'
import { shortNames } from './node-names.ts'
import { type Paint, type Tone, plain, tones } from './paint.ts'

export interface ViewOptions {
  /** Rows that there is room for; all nodes are shown without it. */
  readonly height?: number
  readonly paint?: Paint
}

/** Reasons shown under the header at most; `pitstop why` has all. */
const reasonsShown = 4

export function liveView(view: WindowView, now: number, width: number, { height = Infinity, paint = plain }: ViewOptions = {}): string[] {
  const head = [...header(view, now, width, paint), ...standing(view, width, paint), '']
  const names = shortNames(view.nodes.map(({ node }) => node), Math.max(16, Math.floor(width / 3)))
  const columns = Math.max(4, ...names.values().map((name) => name.length))
  const { shown, hidden } = select(view.nodes, height - head.length - 2)
  const title = `${'NODE'.padEnd(columns)}  ${'PHASE'.padEnd(14)}  ${'STEP'.padEnd(18)}  TIME`
  return [...head, paint('dim', fit(title, width)), ...shown.flatMap((node) => nodeLines(node, names.get(node.node) ?? node.node, columns, now, width, paint)), ...hidden.length === 0 ? [] : [paint('dim', fit(`… and ${counts(hidden)}`, width))]]
}

function header(view: WindowView, now: number, width: number, paint: Paint): string[] {
  const tone: Tone = view.label === 'halted' ? 'bad' : view.label === 'paused' || view.label === 'aborting' ? 'warn' : view.label === 'closed' ? 'good' : 'busy'
  const first = `pitstop · window ${view.window} of plan ${view.plan.slice(0, 12)} · `
  const age = formatDuration(Math.max(0, (view.closedAt ?? now) - view.openedAt))
  const rest = view.phase === 'closed' ? ` · took ${age}` : ` · ${view.closesAt > now ? `closes in ${formatDuration(view.closesAt - now)}` : 'past its closing time'} · open for ${age} · by ${view.by}`
  const label = view.label.toUpperCase()
  const second = [counts(view.nodes), `slots ${view.slotsTaken}/${view.groupSize}`, `failed ${view.failures}, halts at ${view.failureBudget}`, ...timeToGo(view, now)].join(' · ')
  return [`${paint('strong', fit(first, width))}${paint(tone, fit(label, Math.max(0, width - first.length)))}${fit(rest, Math.max(0, width - first.length - label.length))}`, fit(second, width)]
}

/** Why it stands still: the halt above all, then the pause, then closed gates and the window's own reasons. */
function standing(view: WindowView, width: number, paint: Paint): string[] {
  if (view.phase === 'closed') return []
  const told: { readonly tone: Tone, readonly mark: string, readonly reasons: readonly Reason[] }[] = [
    { tone: 'bad', mark: 'halted', reasons: view.halt?.reasons ?? [] },
    { tone: 'warn', mark: 'paused', reasons: view.pause?.reasons ?? [] },
    { tone: 'warn', mark: 'waits', reasons: [...view.reasons, ...(view.phase === 'rolling' ? view.gates : [])] }
  ]
  const seen = new Set<string>()
  const lines: string[] = []
  let more = 0
  for (const { tone, mark, reasons } of told) {
    for (const { text, hint } of reasons.filter((each) => !seen.has(each.text))) {
      seen.add(text)
      if (seen.size > reasonsShown) more++
      else lines.push(paint(tone, fit(`${mark}: ${oneLine(text)}`, width)), ...mark === 'halted' ? [fit(`  do: ${oneLine(hint)}`, width)] : [])
    }
  }
  return more === 0 ? lines : [...lines, paint('dim', fit(`… and ${more} more: pitstop why`, width))]
}

function nodeLines(node: NodeView, name: string, columns: number, now: number, width: number, paint: Paint): string[] {
  const phase = node.overdue ? `${node.phase}, late` : node.phase
  const left = `${name.padEnd(columns)}  `
  const shown = fit(phase, 14)
  const progress = node.progress === null ? '' : `  ${node.progress.percent}% ${node.progress.text}`
  const right = oneLine(`${' '.repeat(16 - shown.length)}${fit(stepOf(node), 18).padEnd(18)}  ${times(node, now)}${progress}`).trimEnd()
  const narrow = left.length + shown.length >= width
  const line = narrow ? fit(`${left}${shown}`, width) : `${left}${paint(node.overdue ? 'bad' : tones[node.phase], shown)}${fit(right, width - left.length - shown.length)}`
  const why = reasonsTold(node).slice(0, 2).map(({ text }) => paint(tones[node.phase], fit(`${' '.repeat(4)}${oneLine(text)}`, width)))
  return [line, ...why]
}

/** What waits only for the window's own gates says nothing of itself. */
const reasonsTold = (node: NodeView): readonly Reason[] => (node.phase === 'waiting' || node.phase === 'done' ? [] : node.reasons)

const stepOf = ({ phase, step }: NodeView): string => (step === null || phase === 'done' || phase === 'waiting' || phase === 'current' ? '' : step)

function times(node: NodeView, now: number): string {
  if (node.outageMs !== null && (node.phase === 'returning' || node.phase === 'done')) return `out for ${formatDuration(node.outageMs)}`
  return node.phaseSince > 0 && node.phase !== 'waiting' && node.phase !== 'done' && node.phase !== 'current' && node.phase !== 'skipped' ? formatDuration(Math.max(0, now - node.phaseSince)) : ''
}

/** By the pace so far; before the first node is through, by the plan's own estimate. */
function timeToGo(view: WindowView, now: number): string[] {
  if (view.phase !== 'rolling' && view.phase !== 'opening') return []
  const through = view.nodes.filter(({ phase }) => phase === 'done').length
  const ahead = view.nodes.filter(({ phase }) => ['waiting', 'preparing', 'prepared', 'down', 'returning'].includes(phase)).length
  const elapsed = Math.max(0, now - view.openedAt)
  const ms = through === 0 ? Math.max(0, view.estimateMs - elapsed) : (elapsed / through) * ahead
  return ahead === 0 || ms === 0 ? [] : [`about ${formatDuration(Math.ceil(ms / 1000) * 1000)} to go`]
}

function counts(nodes: readonly NodeView[]): string {
  const by = Map.groupBy(nodes, ({ phase }) => phase)
  const order = ['failed', 'down', 'preparing', 'prepared', 'returning', 'waiting', 'done', 'current', 'postponed', 'pending-reboot', 'skipped', 'written-off'] as const
  return `${nodes.length} node${nodes.length === 1 ? '' : 's'}: ${order.flatMap((phase) => (by.has(phase) ? [`${by.get(phase)?.length ?? 0} ${phase}`] : [])).join(', ')}`
}

/** Failed and running nodes stay; the rest fills what room is left, in the plan's order. */
function select(nodes: readonly NodeView[], rows: number): { shown: readonly NodeView[], hidden: readonly NodeView[] } {
  const lines = (node: NodeView): number => 1 + Math.min(2, reasonsTold(node).length)
  if (nodes.reduce((sum, node) => sum + lines(node), 0) <= rows + 1) return { shown: nodes, hidden: [] }
  const rank = ({ phase, overdue }: NodeView): number => (phase === 'failed' || overdue ? 0 : phase === 'down' ? 1 : phase === 'preparing' || phase === 'prepared' || phase === 'returning' ? 2 : phase === 'waiting' ? 4 : 3)
  const kept = new Set<NodeView>()
  let room = Math.max(1, rows)
  for (const node of [...nodes].sort((a, b) => rank(a) - rank(b))) {
    room -= lines(node)
    if (room < 0 && kept.size > 0) break
    kept.add(node)
  }
  return { shown: nodes.filter((node) => kept.has(node)), hidden: nodes.filter((node) => !kept.has(node)) }
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ')
