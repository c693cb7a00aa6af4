// Transient systemd units: what must outlive the agent runs in one, named after its order.
// "No answer" is never "gone": only systemd's own words count.
import type { UnitState, Units } from '../ports.ts'
import type { RunCommand } from '../ports.ts'
import { outputOf } from './run-command.ts'

export function units(run: RunCommand): Units {
  return {
    start: async (name, argv, environment, description) => {
      await outputOf(run, {
        argv: ['systemd-run', '--quiet', '--collect', `--unit=${name}`, `--property=Description=${description}`,
          ...Object.entries(environment).map(([key, value]) => `--setenv=${key}=${value}`), '--', ...argv],
        deadlineMs: 30_000
      })
    },
    state: async (name) => {
      const result = await run({ argv: ['systemctl', 'is-active', name], deadlineMs: 10_000 }).catch(() => undefined)
      return result === undefined || result.timedOut ? 'unknown' : understand(result.stdout.trim())
    },
    stop: async (name) => {
      await run({ argv: ['systemctl', 'stop', name], deadlineMs: 30_000 })
    }
  }
}

function understand(word: string): UnitState {
  switch (word) {
    case 'active': case 'activating': case 'reloading': case 'deactivating': return 'active'
    case 'inactive': case 'failed': return 'gone'
    // systemd 252 says "unknown" for some units that were collected; nothing runs there either.
    case 'unknown': return 'gone'
    default: return 'unknown'
  }
}
