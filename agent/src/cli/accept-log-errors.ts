// `accept-log-errors`: a person answers for the errors that made the running boot unhealthy: from now on they are known on this
// host. Never fatal ones: those are not among what can be known. Works beside a running agent, which notices by itself.
import { userInfo } from 'node:os'
import { Fault } from '@pitstop/shared/fault'
import { hostFiles } from '../adapters/host-files.ts'
import { LogHistoryFile } from '../adapters/log-history-file.ts'
import type { Settings } from '../config.ts'
import { acceptErrors, condemnedIn } from '../domain/log-history.ts'
import type { Logger } from '../ports.ts'
import { systemClock } from '../system-clock.ts'

const failing: Logger = {
  info: () => undefined,
  warn: () => undefined,
  error: (fields, text) => { throw new Fault('STATE_UNREADABLE', `${text}: ${JSON.stringify(fields)}`) }
}

export function acceptLogErrors({ host, node, state }: Settings, why: string): number {
  if (why.trim() === '') throw new Fault('INVALID_INPUT', 'why are they harmless?', { hint: 'pitstop-agent accept-log-errors --reason "…"' })
  const bootId = hostFiles(host).bootId()
  const file = new LogHistoryFile(state, failing)
  const patterns = condemnedIn(file.history, bootId)
  if (patterns.length === 0) {
    throw new Fault('NOT_NOW', 'no error in Gitaly\'s log is held against the running boot', { hint: 'see pitstop-agent status; a fatal error cannot be accepted: mend its cause and restart Gitaly' })
  }
  file.change(acceptErrors(file.history, bootId, { by: `${userInfo().username} on ${node}`, atMs: systemClock.now(), reason: why }))
  process.stdout.write(`known from now on:\n${patterns.map((pattern) => `  ${pattern}\n`).join('')}`)
  return 0
}
