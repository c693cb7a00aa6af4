// What PID 1 and logind answer on a stand-in host, by command.
import { type Answer, ok, type Question, refuse } from './pid1-question.ts'
import { createScheduledShutdown } from './scheduled-shutdown.ts'
import { type Power, systemctl } from './systemctl.ts'
import { systemdRun } from './systemd-run.ts'
import type { Units } from './units.ts'

interface Hands extends Power {
  readonly root: string
  readonly units: Units
  readonly timerSlackMs: number
  readonly agentReady: () => void
  /** Where a unit's program is looked for, besides the caller's PATH. */
  readonly path: string
}

export interface SystemdCommands {
  /** undefined = not one of these. */
  readonly answer: (question: Question) => Promise<Answer | undefined>
  /** A new boot, or the end of one: nothing is scheduled any more. */
  readonly reset: () => void
}

export function createSystemdCommands({ root, units, timerSlackMs, orderReboot, isStopping, agentReady, path }: Hands): SystemdCommands {
  const scheduled = createScheduledShutdown(root, { orderReboot, isStopping })

  function notify(args: readonly string[], environment: Question['environment']): Answer {
    if ((environment['NOTIFY_SOCKET'] ?? '') === '') return refuse('No status data could be sent: $NOTIFY_SOCKET was not set')
    if (args.includes('--ready')) agentReady()
    return ok()
  }

  return {
    async answer({ command, args, environment }) {
      switch (command) {
        case 'systemctl': return await systemctl(units, { orderReboot, isStopping }, args)
        case 'systemd-run': return await systemdRun({ units, timerSlackMs, path }, args, environment['PATH'] ?? '')
        case 'busctl': return scheduled.busctl(args)
        case 'shutdown': return scheduled.shutdown(args)
        case 'systemd-notify': return notify(args, environment)
        default: return undefined
      }
    },
    reset: scheduled.reset
  }
}
