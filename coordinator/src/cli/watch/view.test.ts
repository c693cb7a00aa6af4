// What is drawn, as reviewed pictures: the live view, its squeeze into few rows, and the closing words.
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { reason } from '@pitstop/shared/fault'
import type { NodeView, WindowView } from '../../domain/view.ts'
import { liveView } from './live-view.ts'
import { shortNames } from './node-names.ts'
import { outcomeOfView } from './outcome.ts'
import { coloured } from './paint.ts'
import { closingSummary } from './summary.ts'
import { readServerEvents } from '../server-events.ts'

const start = Date.UTC(2026, 10, 22, 2)
const at = (seconds: number): number => start + seconds * 1000

const node = (number: number, given: Partial<NodeView>): NodeView => ({
  node: `gitaly-0${number}.c.internal`, zone: 'a', storages: [`file0${number}`], phase: 'waiting', overdue: false, attempt: 1, holdsSlot: false, step: null, progress: null,
  reasons: [], steps: [], phaseSince: 0, slotMs: null, outageMs: null, lostMs: null, version: 1, ...given
})

const done = (number: number): NodeView => node(number, {
  phase: 'done', step: 'watch', slotMs: 45_130, outageMs: 35_000, lostMs: 130, phaseSince: at(200),
  steps: [{ step: 'stage', status: 'done', ms: 12_000 }, { step: 'settle', status: 'done', ms: 60_000 }, { step: 'reboot', status: 'done', ms: 35_000 }]
})

const view = (given: Partial<WindowView>): WindowView => ({
  plan: '3f9a21c0b7de11112222', window: 1, phase: 'rolling', label: 'rolling', by: 'ana', openedAt: start, closesAt: at(6 * 3600), closedAt: null, halt: null, pause: null, abort: null,
  failureBudget: 1, failures: 0, groupSize: 2, slotsTaken: 1, gates: [], reasons: [], obligations: [], audit: null, weightsAtOpening: { file01: 100, file02: 0 }, assignerAtOpening: true,
  estimateMs: 1_200_000, soakMs: 10_000, version: 42,
  nodes: [
    done(1),
    node(2, { phase: 'down', step: 'reboot', holdsSlot: true, phaseSince: at(260), reasons: [reason('NOT_REBOOTED', 'gitaly-02 is rebooting for 40s')] }),
    node(3, { phase: 'preparing', step: 'upgrade', progress: { percent: 63, text: 'Unpacking linux-image-6.1' }, phaseSince: at(280) }),
    node(4, {})
  ],
  ...given
})

const text = (lines: readonly string[]): string => `\n${lines.join('\n')}\n`

void t.test('a rolling window: header, a line per node, reasons under those that wait', async (t) => {
  t.equal(text(liveView(view({}), at(300), 100)), `
pitstop · window 1 of plan 3f9a21c0b7de · ROLLING · closes in 5h55m · open for 5m · by ana
4 nodes: 1 down, 1 preparing, 1 waiting, 1 done · slots 1/2 · failed 0, halts at 1 · about 15m to go

NODE                  PHASE           STEP                TIME
gitaly-01.c.internal  done                                out for 35s
gitaly-02.c.internal  down            reboot              40s
    gitaly-02 is rebooting for 40s
gitaly-03.c.internal  preparing       upgrade             20s  63% Unpacking linux-image-6.1
gitaly-04.c.internal  waiting
`)
})

void t.test('a halted window says why and what to do before anything else', async (t) => {
  const halted = view({
    label: 'halted', failures: 1, halt: { at: at(290), reasons: [reason('BUDGET_SPENT', 'gitaly-02 failed', 'mend it, then: pitstop node retry gitaly-02')] },
    gates: [reason('BUDGET_SPENT', 'gitaly-02 failed'), reason('FROZEN', 'frozen by bo: incident')],
    nodes: [node(2, { phase: 'failed', step: 'check-log', phaseSince: at(290), reasons: [reason('STARTUP_ERROR', 'Gitaly logged\nan error')] })]
  })
  t.equal(text(liveView(halted, at(300), 100)), `
pitstop · window 1 of plan 3f9a21c0b7de · HALTED · closes in 5h55m · open for 5m · by ana
1 node: 1 failed · slots 1/2 · failed 1, halts at 1
halted: gitaly-02 failed
  do: mend it, then: pitstop node retry gitaly-02
waits: frozen by bo: incident

NODE                  PHASE           STEP                TIME
gitaly-02.c.internal  failed          check-log           10s
    Gitaly logged an error
`)
})

void t.test('no line is wider than the terminal, and no frame higher', async (t) => {
  const many = view({ nodes: Array.from({ length: 160 }, (_, index) => (index % 40 === 7 ? { ...node(2, { phase: 'down', step: 'reboot', phaseSince: at(1), reasons: [reason('NOT_REBOOTED', 'x'.repeat(300))] }), node: `gitaly-${index}.c.internal` } : { ...node(4, {}), node: `gitaly-${index}.c.internal` })) })
  for (const width of [20, 40, 80, 200]) {
    const lines = liveView(many, at(300), width, { height: 20 })
    t.ok(lines.every((line) => line.length <= width), `width ${width}`)
    t.ok(lines.length <= 20, `height at ${width}`)
    t.equal(lines.filter((line) => /^gitaly-\d*7/.test(line)).length, 4, 'those that are down are all there')
    t.match(lines.at(-1), /^… and 1\d\d nodes/)
  }
  const painted = liveView(many, at(300), 80, { height: 20, paint: coloured }).map((line) => stripVTControlCharacters(line))
  t.same(painted, liveView(many, at(300), 80, { height: 20 }), 'colours change no width')
})

void t.test('the closing words: each node with its times, and the world before and after', async (t) => {
  const closed = view({ phase: 'closed', label: 'closed', closedAt: at(400), slotsTaken: 0, audit: [], nodes: [done(1), done(2)],
    obligations: [{ id: 'weight:file01', kind: 'weight', subject: 'file01', node: 'gitaly-01.c.internal', previous: 100, openedAt: start, status: 'paid', settledBy: 'pitstop', text: 'back', because: null, payByHand: null }] })
  t.equal(text(closingSummary(closed)), `
window 1 of plan 3f9a21c0b7de is closed: all 2 nodes done in 6m40s

NODE                  RESULT  PREPARED IN  SLOT   OUTAGE  SOAK  LOST
gitaly-01.c.internal  done    1m12s        45.1s  35s     10s   130ms
    stage 12s · settle 1m · reboot 35s
gitaly-02.c.internal  done    1m12s        45.1s  35s     10s   130ms
    stage 12s · settle 1m · reboot 35s

outage    1m10s in all, 35s a node, 35s at most
lost      260ms in all, 130ms a node, 130ms at most
weights   file01 100, file02 0: equal before and after
assigner  active before, active after
promises  1 of 1 paid
`)
})

void t.test('what is not as before, and what is unpaid, is told with the way to mend it', async (t) => {
  const lines = closingSummary(view({
    phase: 'closed', label: 'closed', closedAt: at(400), audit: [reason('WEIGHT_CHANGED', 'weight of file01: 100 at opening, 7 now (set by somebody else)'), reason('ASSIGNER_INACTIVE', 'assigner: active at opening, inactive now')],
    nodes: [node(1, { phase: 'written-off', reasons: [reason('STARTUP_ERROR', 'an error', 'read it')] })],
    obligations: [{ id: 'weight:file02', kind: 'weight', subject: 'file02', node: null, previous: 5, openedAt: start, status: 'open', settledBy: null, text: null, because: reason('NOT_NOW', 'its node is not healthy'), payByHand: 'curl -X PUT …' }]
  }))
  t.equal(text(lines.slice(1)), `

NODE                  RESULT       PREPARED IN  SLOT  OUTAGE  SOAK  LOST
gitaly-01.c.internal  written-off  -            -     -       -     -
    an error
    do: read it

weights   file01 100, file02 0 before; DIFFERENT now:
  weight of file01: 100 at opening, 7 now (set by somebody else)
assigner  active before; DIFFERENT now: assigner: active at opening, inactive now
promises  0 of 1 paid
  weight:file02 is UNPAID: its node is not healthy
    by hand: curl -X PUT …
`)
})

void t.test('the outcome is done only when nothing is left, owed or failed', async (t) => {
  const outcome = (phases: readonly NodeView['phase'][], given: Partial<WindowView> = {}): string => outcomeOfView(view({ ...given, nodes: phases.map((phase, index) => node(index, { phase })) }))
  t.equal(outcome(['done', 'current', 'skipped']), 'done')
  t.equal(outcome(['done', 'postponed']), 'unfinished')
  t.equal(outcome(['done', 'pending-reboot']), 'unfinished')
  t.equal(outcome(['done', 'failed']), 'failed')
  t.equal(outcome(['done', 'written-off']), 'failed')
  t.equal(outcome(['done', 'waiting'], { label: 'halted' }), 'failed')
})

void t.test('names lose the domain that all share, only when they do not fit', async (t) => {
  const names = ['gitaly-01-stor-gprd.c.gitlab.internal', 'gitaly-02-stor-gprd.c.gitlab.internal']
  t.same([...shortNames(names, 80).values()], names)
  t.same([...shortNames(names, 20).values()], ['gitaly-01-stor-gprd', 'gitaly-02-stor-gprd'])
  t.same([...shortNames(['a.long.name.internal', 'b.other.name.internal'], 5).values()], ['a.long', 'b.other'])
  t.same([...shortNames(['internal', 'a.internal'], 3).values()], ['internal', 'a.internal'], 'never the whole of one')
})

void t.test('server-sent events are read across any cut of the bytes', async (t) => {
  const bytes = new TextEncoder().encode('retry: 1000\n\n:\n\nid: 7\ndata: {"ü":1}\n\nid: 8\ndata: {}\n\nid: 9\ndata: cut')
  for (const size of [1, 2, 3, 7, 100]) {
    const chunks = async function* (): AsyncGenerator<Uint8Array> { for (let from = 0; from < bytes.length; from += size) yield bytes.slice(from, from + size) }
    const read: object[] = []
    for await (const event of readServerEvents(chunks())) read.push(event)
    t.same(read, [{ id: 7, data: '{"ü":1}' }, { id: 8, data: '{}' }], `cut every ${size} bytes; what never ended is no event`)
  }
})
