// `doctor`: everything that would be a veto now, in plain words. Changes nothing.
import type { Settings } from '../config.ts'
import { vetoes } from '../domain/veto.ts'
import { buildHost } from '../host.ts'
import { systemClock } from '../main.ts'
import { isKnown } from '../domain/veto.ts'
import { reason } from '@pitstop/shared/fault'
import { printReasons } from './print-reasons.ts'

export async function doctor(settings: Settings, json: boolean): Promise<number> {
  const host = buildHost(settings.host, systemClock)
  try {
    const [facts, info] = await Promise.all([host.facts(), host.gitaly.serverInfo()])
    const reasons = [
      ...vetoes('reboot', facts),
      ...isKnown(info) ? [] : [reason('NOT_SERVING', `Gitaly does not answer at ${settings.host.gitaly.address}: ${info.unknown}`)]
    ]
    if (json) process.stdout.write(`${JSON.stringify({ reasons })}\n`)
    else if (reasons.length === 0) process.stdout.write('nothing stands in the way of an upgrade or a reboot\n')
    else printReasons(reasons)
    return reasons.length === 0 ? 0 : 1
  } finally { host.gitaly.close() }
}
