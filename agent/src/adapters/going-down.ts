// Is the host on its way down? Asked behind every request for a reboot, and when the unit died: Gitaly is given back only
// if the host stays up. PID 1 says "stopping" from the moment a shutdown is queued, and that alone is a yes: logind says
// "preparing" before that, while others delay it, and may fail to begin it afterwards, having told us yes long before.
// Both stop answering soon afterwards, so no answer is not "no" for a while.
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunCommand } from '../ports.ts'

const askEveryMs = 250
/** PID 1 and logind silent for so long on a host on which we still run: it does not go down. */
const silenceMs = 30_000
/** From the end of all delays to the first sign of a shutdown: logind answers within milliseconds. */
const graceMs = 3000
/** logind(8) unless logind.conf says otherwise. */
const usualDelayMs = 5000
/** Preparing without end, and beyond every delay: nothing comes of it. */
const longestPreparationMs = 60_000

const property = (name: string): readonly [string, ...string[]] => ['busctl', '--system', '--json=short', 'get-property', 'org.freedesktop.login1', '/org/freedesktop/login1',
  'org.freedesktop.login1.Manager', name]

export interface Look {
  /** How long "no" has to hold: a request may still be on its way. */
  readonly settleMs: number
  readonly everyMs?: number
  /** Ends the wait at once; it rejects then. */
  readonly signal?: AbortSignal
  /** Told of each look that did not find PID 1 stopping. */
  readonly onPending?: () => void
}

/** How long a request that was answered with yes may go unseen: logind lets others delay it. */
export async function requestSettlesMs(run: RunCommand): Promise<number> {
  const text = await run({ argv: property('InhibitDelayMaxUSec'), deadlineMs: 3000 }).then(({ stdout }) => stdout, () => '')
  const microseconds = Number(/"data":\s*(\d+)/.exec(text)?.[1] ?? Number.NaN)
  return (Number.isFinite(microseconds) ? microseconds / 1000 : usualDelayMs) + graceMs
}

export async function goesDown(run: RunCommand, { settleMs, everyMs = askEveryMs, signal, onPending }: Look): Promise<boolean> {
  const began = performance.now()
  let preparingAt: number | undefined
  for (;;) {
    const answer = await goingDown(run)
    if (answer === 'stopping') return true
    onPending?.()
    const elapsed = performance.now() - began
    if (answer === 'preparing') preparingAt = performance.now()
    // Once logind has prepared and does not any more, it has given up: the delays are over.
    else if (answer === 'up' ? preparingAt === undefined ? elapsed >= settleMs : performance.now() - preparingAt >= graceMs : elapsed >= Math.max(settleMs, silenceMs)) return false
    if (answer === 'preparing' && elapsed >= settleMs + longestPreparationMs) return false
    await sleep(everyMs, undefined, { ...signal && { signal } })
  }
}

/** As PID 1 and logind say at this moment. */
export async function goingDown(run: RunCommand): Promise<'stopping' | 'preparing' | 'up' | 'unknown'> {
  const said = (argv: readonly [string, ...string[]]): Promise<string> => run({ argv, deadlineMs: 3000 }).then(({ stdout }) => stdout.trim(), () => '')
  const [manager, logind] = await Promise.all([said(['systemctl', 'is-system-running']), said(property('PreparingForShutdown'))])
  if (manager === 'stopping') return 'stopping'
  if (/"data":\s*true/.test(logind)) return 'preparing'
  return /^(?:initializing|starting|running|degraded|maintenance)$/.test(manager) ? 'up' : 'unknown'
}
