// Transient systemd units: what must outlive the agent runs in one, named after its order.
// "No answer" is never "gone": only systemd's own words count.
import { Fault } from '@pitstop/shared/fault'
import type { RunCommand, UnitState, Units } from '../ports.ts'
import { outputOf } from './run-command.ts'

export function units(run: RunCommand): Units {
  return {
    start: async ({ name, argv, environment, description, properties }) => {
      await outputOf(run, {
        argv: ['systemd-run', '--quiet', '--collect', `--unit=${name}`, `--property=Description=${description}`, ...properties.map((property) => `--property=${property}`),
          ...Object.entries(environment).map(([key, value]) => `--setenv=${key}=${value}`), '--', ...argv],
        deadlineMs: 30_000
      })
    },
    state: async (name) => {
      const result = await run({ argv: ['systemctl', 'is-active', name], deadlineMs: 10_000 }).catch(() => undefined)
      return result === undefined || result.timedOut ? 'unknown' : understand(result.stdout.trim())
    },
    stop: async (name) => {
      const result = await run({ argv: ['systemctl', 'stop', name], deadlineMs: 30_000 })
      // 5 = not loaded: it has ended by itself.
      if (result.code !== 0 && result.code !== 5) throw new Fault('COMMAND_FAILED', `systemctl stop ${name} ended with ${result.timedOut ? 'no answer' : result.code ?? result.signal}: ${result.stderr.trim()}`)
    }
  }
}

function understand(word: string): UnitState {
  switch (word) {
    case 'active': case 'activating': case 'reloading': return 'active'
    case 'deactivating': return 'ending'
    case 'inactive': case 'failed': return 'gone'
    // systemd 252 says "unknown" for some units that were collected; nothing runs there either.
    case 'unknown': return 'gone'
    default: return 'unknown'
  }
}
