// The closing words about a window: each node with its times, what pitstop itself cost, and whether weights and
// assigner are as they were. Pure; the same for `window watch`, `window show` and the demo.
import { formatDuration } from '@pitstop/shared/duration'
import type { NodeView, WindowView } from '../../domain/view.ts'
import { table } from '../table.ts'
import { outcomeOfView } from './outcome.ts'
import { shortNames } from './node-names.ts'
import { type Paint, plain, tones } from './paint.ts'

const shown = (ms: number | null): string => (ms === null ? '-' : formatDuration(ms))
const preparing: ReadonlySet<string> = new Set(['stage', 'zero-weight', 'settle', 'upgrade'])

export function closingSummary(view: WindowView, width = 100, paint: Paint = plain): string[] {
  const names = shortNames(view.nodes.map(({ node }) => node), Math.max(16, Math.floor(width / 3)))
  const rows = table(['NODE', 'RESULT', 'PREPARED IN', 'SLOT', 'OUTAGE', 'SOAK', 'LOST'], view.nodes.map((node) => [
    names.get(node.node) ?? node.node, node.phase, shown(prepareMs(node)), shown(node.slotMs), shown(node.outageMs), node.slotMs === null ? '-' : formatDuration(view.soakMs), shown(node.lostMs)
  ]))
  const [head = '', ...lines] = rows
  const tone = { done: 'good', unfinished: 'warn', failed: 'bad' } as const
  return [
    paint(tone[outcomeOfView(view)], verdict(view)),
    '',
    paint('dim', head),
    ...view.nodes.flatMap((node, index) => [paint(tones[node.phase], lines[index] ?? ''), paint('dim', `    ${stepTimes(node)}`), ...nodeReasons(node)]).filter((line) => line.trim() !== ''),
    '',
    ...totals(view.nodes),
    ...world(view, width),
    ...promises(view)
  ]
}

function verdict(view: WindowView): string {
  const outcome = outcomeOfView(view)
  const what = { done: view.nodes.length === 1 ? 'its node is done' : `all ${view.nodes.length} nodes done`, unfinished: 'ended with something left for another window', failed: 'a person is needed' }[outcome]
  const open = view.closedAt === null ? null : formatDuration(view.closedAt - view.openedAt)
  const took = open === null ? '' : outcome === 'done' ? ` in ${open}` : ` (it was open for ${open})`
  return `window ${view.window} of plan ${view.plan.slice(0, 12)} is ${view.label}: ${what}${took}`
}

function prepareMs({ steps }: NodeView): number | null {
  const done = steps.filter(({ step, ms }) => preparing.has(step) && ms !== null)
  return done.length === 0 ? null : done.reduce((sum, { ms }) => sum + (ms ?? 0), 0)
}

const stepTimes = ({ steps }: NodeView): string =>
  steps.flatMap(({ step, status, ms }) => (ms === null ? [`${step} ${status}`] : [`${step} ${formatDuration(ms)}`])).join(' · ')

const nodeReasons = ({ phase, reasons }: NodeView): string[] => (phase === 'done' ? [] : reasons.flatMap(({ text, hint }) => [`    ${text}`, `    do: ${hint}`]))

function totals(nodes: readonly NodeView[]): string[] {
  const line = (title: string, values: readonly number[]): string[] => values.length === 0 ? []
    : [`${title}  ${formatDuration(values.reduce((sum, each) => sum + each, 0))} in all, ${formatDuration(values.reduce((sum, each) => sum + each, 0) / values.length)} a node, ${formatDuration(Math.max(...values))} at most`]
  const known = (of: (node: NodeView) => number | null): number[] => nodes.flatMap((node) => of(node) ?? [])
  return [...line('outage  ', known(({ outageMs }) => outageMs)), ...line('lost    ', known(({ lostMs }) => lostMs))]
}

/** Before and after, as the end audit compared them. */
function world({ audit, weightsAtOpening, assignerAtOpening }: WindowView, width: number): string[] {
  const storages = Object.entries(weightsAtOpening)
  const each = storages.map(([storage, weight]) => `${storage} ${weight}`).join(', ')
  const list = each.length + 40 > width ? `${storages.length} storages, ${storages.filter(([, weight]) => weight > 0).length} of them active,` : each
  const assigner = assignerAtOpening === null ? [] : [`assigner  ${assignerAtOpening ? 'active' : 'inactive'} before`]
  if (audit === null) return [`weights   ${list} before; not compared yet`, ...assigner]
  const about = (codes: readonly string[]): string[] => audit.filter(({ code }) => codes.includes(code)).map(({ text }) => text)
  const weights = about(['WEIGHT_CHANGED'])
  const others = about(['ASSIGNER_ACTIVE', 'ASSIGNER_INACTIVE'])
  const told = new Set([...weights, ...others])
  return [
    ...weights.length === 0 ? [`weights   ${list.replace(/,$/, '')}: equal before and after`] : [`weights   ${list} before; DIFFERENT now:`, ...weights.map((text) => `  ${text}`)],
    ...assigner.map((line) => (others.length === 0 ? `${line}, ${assignerAtOpening === true ? 'active' : 'inactive'} after` : `${line}; DIFFERENT now: ${others.join('; ')}`)),
    ...audit.filter(({ text }) => !told.has(text)).map(({ text }) => `audit     ${text}`)
  ]
}

function promises({ obligations }: WindowView): string[] {
  const open = obligations.filter(({ status }) => status === 'open')
  const other = obligations.filter(({ status }) => status === 'superseded' || status === 'void')
  return [
    obligations.length === 0 ? 'promises  none were needed' : `promises  ${obligations.filter(({ status }) => status === 'paid').length} of ${obligations.length} paid`,
    ...other.map(({ id, status, text }) => `  ${id} is ${status}: ${text ?? ''}`),
    ...open.flatMap(({ id, because, payByHand }) => [`  ${id} is UNPAID: ${because?.text ?? ''}`, ...payByHand === null ? [] : [`    by hand: ${payByHand}`]])
  ]
}
