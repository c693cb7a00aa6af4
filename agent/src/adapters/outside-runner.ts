// Runs a command of the host outside of the agent's own service: hooks and undos change the host, which the service's
// hardening forbids to everything inside it. As a transient unit that is waited for, with the same environment and deadline
// as any other command. For the serving agent only: units and people are outside already.
import type { Command, RunCommand } from '../ports.ts'
import { fixedEnvironment } from './run-command.ts'

/** What systemd-run itself may take beyond the command's deadline and its grace. */
const startMs = 10_000
const defaultGraceMs = 2000

export function outsideRunner(run: RunCommand, path: readonly string[]): RunCommand {
  return async (command: Command) => {
    const { argv, deadlineMs, env, graceMs = defaultGraceMs, outputCap } = command
    const environment = { ...fixedEnvironment, PATH: path.join(':'), ...env }
    const result = await run({
      argv: ['systemd-run', '--wait', '--pipe', '--quiet', '--collect', `--property=Description=pitstop: ${argv[0]}`,
        // Whoever waits may be ended; the unit keeps its own time.
        `--property=RuntimeMaxSec=${deadlineMs}ms`, `--property=TimeoutStopSec=${graceMs}ms`,
        ...Object.entries(environment).map(([key, value]) => `--setenv=${key}=${value}`), '--', ...argv],
      deadlineMs: deadlineMs + graceMs + startMs,
      ...outputCap === undefined ? {} : { outputCap }
    })
    // systemd-run ends with 1 for a unit that ran into its time.
    return { ...result, timedOut: result.timedOut || (result.code !== 0 && result.elapsedMs >= deadlineMs) }
  }
}
