// Is the host on its way down? Asked when the reboot's request did not end well, and when its unit died: Gitaly is given
// back only if the host stays up. PID 1 says "stopping" from the moment a shutdown is queued; logind says it before that,
// while others may still delay it. Both stop answering soon afterwards, so no answer is not "no" for a while.
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunCommand } from '../ports.ts'

const askEveryMs = 250
/** PID 1 and logind silent for so long on a host on which we still run: it does not go down. */
const silenceMs = 30_000

const preparing = ['busctl', '--system', '--json=short', 'get-property', 'org.freedesktop.login1', '/org/freedesktop/login1',
  'org.freedesktop.login1.Manager', 'PreparingForShutdown'] as const

/** @param settleMs how long "no" has to hold: a request may still be on its way. */
export async function goesDown(run: RunCommand, settleMs: number): Promise<boolean> {
  const began = performance.now()
  for (;;) {
    const answer = await ask(run)
    if (answer === 'yes') return true
    if (performance.now() - began >= (answer === 'no' ? settleMs : Math.max(settleMs, silenceMs))) return false
    await sleep(askEveryMs)
  }
}

async function ask(run: RunCommand): Promise<'yes' | 'no' | 'unknown'> {
  const said = (argv: readonly [string, ...string[]]): Promise<string> => run({ argv, deadlineMs: 3000 }).then(({ stdout }) => stdout.trim(), () => '')
  const [manager, logind] = await Promise.all([said(['systemctl', 'is-system-running']), said([...preparing])])
  if (manager === 'stopping' || /"data":\s*true/.test(logind)) return 'yes'
  return /^(?:initializing|starting|running|degraded|maintenance)$/.test(manager) ? 'no' : 'unknown'
}
