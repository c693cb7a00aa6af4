// Tells systemd how pitstop-agent.service stands: ready once, and a watchdog ping as long as the event loop turns and the
// state directory answers. By `systemd-notify`, because Node has no unix datagram sockets. Must never fail the agent: without
// systemd's socket it does nothing, and a ping that is not sent is systemd's to judge.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger, RunCommand } from '../ports.ts'

export interface ServiceNotifier {
  readonly ready: () => Promise<void>
  readonly close: () => void
}

interface Surroundings {
  readonly run: RunCommand
  readonly stateDirectory: string
  readonly log: Logger
  /** What systemd gave to this process. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Three chances within systemd's patience. */
const pingsPerPeriod = 3

export function serviceNotifier({ run, stateDirectory, log, environment }: Surroundings): ServiceNotifier {
  const socket = environment['NOTIFY_SOCKET']
  const periodMs = Math.floor(Number(environment['WATCHDOG_USEC'] ?? 0) / 1000 / pingsPerPeriod)
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const tell = async (...words: readonly string[]): Promise<void> => {
    if (socket === undefined) return
    try {
      // Waits until systemd has taken the message: of a sender that is gone it could not say to which unit it belongs.
      const result = await run({ argv: ['systemd-notify', ...words], deadlineMs: 5000, env: { NOTIFY_SOCKET: socket } })
      if (result.code !== 0) log.warn({ error: result.stderr.trim(), timedOut: result.timedOut }, 'systemd was not told')
    } catch (error) { log.warn({ error: String(error) }, 'systemd was not told') }
  }
  const ping = async (): Promise<void> => {
    try { await stat(join(stateDirectory, 'orders')) } catch (error) {
      log.error({ error: String(error) }, 'the state directory does not answer; systemd will start the agent anew')
      return
    }
    if (!closed) await tell('WATCHDOG=1')
  }
  return {
    ready: async () => {
      await tell('--ready')
      if (socket !== undefined && periodMs > 0) timer ??= setInterval(() => { void ping() }, periodMs).unref()
    },
    close: () => {
      closed = true
      clearInterval(timer)
    }
  }
}
