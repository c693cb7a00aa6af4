// Follows a window until it closes or halts: a redrawn view on a terminal, a line per event otherwise, JSON lines for
// machines. Leaving the watch changes nothing: the window goes on.
import { type Fault, asFault } from '@pitstop/shared/fault'
import type { WindowView } from '../../domain/view.ts'
import type { Context } from '../context.ts'
import { type Exit, exitCodes } from '../exit-codes.ts'
import { eventLine } from './event-line.ts'
import { type Followed, follow } from './follow.ts'
import { liveView } from './live-view.ts'
import { outcomeOfView } from './outcome.ts'
import { coloured, plain } from './paint.ts'
import { Screen } from './screen.ts'
import { closingSummary } from './summary.ts'

export interface WatchOptions {
  readonly plan?: string | undefined
  /** Keep watching when it halts. */
  readonly stay: boolean
  /** Lines instead of the live view. */
  readonly lines?: boolean | undefined
  /** Lines from the opening on, not from now on. */
  readonly all?: boolean | undefined
}

/** Progress inside a step is no event; it is asked for. */
const redrawMs = 500

export async function watchWindow(context: Context, { plan, stay, lines = false, all = false }: WatchOptions): Promise<Exit> {
  const first = await context.client.get<WindowView>(`/window${plan === undefined ? '' : `?plan=${plan}`}`)
  const over = (view: WindowView): boolean => view.window !== first.window || view.phase === 'closed' || (!stay && view.label === 'halted')
  const look = (): Promise<WindowView> => context.client.get<WindowView>(`/window?plan=${first.plan}`)
  const ended = new AbortController()
  const forget = context.terminal.onInterrupt(() => { ended.abort('interrupted') })
  const live = context.terminal.live && !context.json && !lines
  const watch = live ? watchLive : watchLines(all)
  try {
    const last = over(first) && (live || !all) ? first : await watch(context, first, look, over, ended)
    if (ended.signal.reason === 'interrupted') {
      if (!context.json) context.terminal.err('the window goes on; look again with: pitstop window watch\n')
      return 'done'
    }
    return conclude(context, last)
  } finally {
    forget()
    ended.abort()
  }
}

function conclude({ json, terminal }: Context, view: WindowView): Exit {
  const outcome = outcomeOfView(view)
  const halted = view.label === 'halted' ? (view.halt?.reasons ?? []).flatMap(({ text, hint }) => [`halted: ${text}`, `  do: ${hint}`]) : []
  if (json) terminal.out(`${JSON.stringify({ outcome, exit: exitCodes[outcome].code, window: view })}\n`)
  else terminal.out(['', ...closingSummary(view, terminal.size().columns, terminal.colour ? coloured : plain), ...halted, ''].join('\n'))
  return outcome
}

type Watch = (context: Context, first: WindowView, look: () => Promise<WindowView>, over: (view: WindowView) => boolean, ended: AbortController) => Promise<WindowView>

const watchLines = (all: boolean): Watch => async ({ client, terminal, json }, first, look, over, { signal }) => {
  const onLost = (why: Fault): void => { terminal.err(json ? `${JSON.stringify({ warning: why.toReason() })}\n` : `${why.message}; trying again\n`) }
  let view = first
  // Windows before this one are in the same journal and are passed over.
  let begun = !all
  if (!all && !json) terminal.out(`${liveView(first, Date.now(), terminal.size().columns).join('\n')}\n\n`)
  for await (const event of follow(client, { plan: first.plan, after: all ? 0 : first.version, signal, onLost })) {
    begun ||= event.event.type === 'window-opened' && event.event.window === first.window
    if (!begun || isOldFleetEvent(event, first)) continue
    terminal.out(`${json ? JSON.stringify(event) : eventLine(event)}\n`)
    if (event.seq >= first.version && over(first)) return first
    const { type } = event.event
    if (event.seq > first.version && (type === 'window-closed' || type === 'window-halted')) {
      view = await look()
      if (over(view)) return view
    }
  }
  return view
}

const isOldFleetEvent = ({ stream, at }: Followed, { plan, openedAt }: WindowView): boolean => stream !== plan && at < openedAt

const watchLive: Watch = async (context, first, look, over, ended) => {
  const { client, terminal } = context
  const screen = new Screen((text) => { terminal.out(text) })
  let view = first
  let trouble: Fault | null = null
  const draw = (): void => {
    const { columns, rows } = terminal.size()
    const note = trouble === null ? [] : [`(${trouble.message}; trying again)`.slice(0, columns - 1)]
    // The last column stays free: some terminals wrap when it is written.
    screen.draw([...liveView(view, Date.now(), columns - 1, { height: rows - 1 - note.length, paint: terminal.colour ? coloured : plain }), ...note])
  }
  const refresh = async (): Promise<void> => {
    try {
      view = await look()
      trouble = null
    } catch (error) {
      trouble = asFault(error)
      if (!trouble.retry) throw trouble
    }
    draw()
    if (over(view)) ended.abort('over')
  }
  let failed: unknown
  const timer = setInterval(() => { refresh().catch((error: unknown) => { failed ??= error; ended.abort('failed') }) }, redrawMs)
  try {
    draw()
    for await (const event of follow(client, { plan: first.plan, after: first.version, signal: ended.signal, onLost: (why) => { trouble = why } })) {
      if (event.stream === first.plan) await refresh()
    }
    if (failed !== undefined) throw failed
    return view
  } finally {
    clearInterval(timer)
    screen.end()
  }
}
