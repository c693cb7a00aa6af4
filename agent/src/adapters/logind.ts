// Whether a shutdown is scheduled on the host, and who blocks one, asked of logind; without logind its own files are the
// truth. Read-only: pitstop never schedules through logind, so whatever stands there is somebody else's.
import { Fault } from '@pitstop/shared/fault'
import { blockers, delayers, type Inhibitor, parseInhibitors } from '../domain/inhibitor.ts'
import type { HostFiles, RunCommand } from '../ports.ts'

const manager = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'] as const
const question = ['busctl', '--system', '--json=short', 'get-property', ...manager, 'ScheduledShutdown'] as const
const inhibitorsQuestion = ['busctl', '--system', '--json=short', 'call', ...manager, 'ListInhibitors'] as const

/** Kind and time; undefined = none. */
export async function scheduledShutdown(run: RunCommand, files: Pick<HostFiles, 'scheduledShutdownFile'>): Promise<string | undefined> {
  const result = await run({ argv: [...question], deadlineMs: 5000 }).catch(() => undefined)
  const answer = result?.code === 0 ? parseScheduled(result.stdout) : undefined
  if (answer !== undefined) return answer === '' ? undefined : answer
  return files.scheduledShutdownFile() ? '/run/systemd/shutdown/scheduled exists' : undefined
}

/** Who would have a reboot refused, or would be cut off by it. @throws Fault when somebody may, and logind does not say who. */
export async function shutdownBlockers(run: RunCommand, files: Pick<HostFiles, 'inhibitorFiles'>): Promise<readonly string[]> {
  return blockers(await inhibitors(run, files))
}

/** Who may lengthen the outage. undefined = not known: no reason to refuse. */
export const delayHolders = (run: RunCommand, files: Pick<HostFiles, 'inhibitorFiles'>): Promise<readonly string[] | undefined> =>
  inhibitors(run, files).then(delayers, (error: unknown) => {
    process.stderr.write(`who may delay the shutdown is not known: ${error instanceof Error ? error.message : String(error)}\n`)
    return undefined
  })

async function inhibitors(run: RunCommand, files: Pick<HostFiles, 'inhibitorFiles'>): Promise<readonly Inhibitor[]> {
  const result = await run({ argv: [...inhibitorsQuestion], deadlineMs: 5000 }).catch(() => undefined)
  const read = result?.code === 0 ? parseInhibitors(result.stdout) : undefined
  if (read !== undefined) return read
  if (!files.inhibitorFiles()) return []
  throw new Fault('COMMAND_FAILED', `logind does not tell its inhibitors: ${result === undefined ? 'busctl cannot be run' : `${result.stderr}${result.stdout}`.trim().slice(0, 200)}`)
}

/** Empty = none; undefined = not understood. */
export function parseScheduled(text: string): string | undefined {
  let value: unknown
  try { value = JSON.parse(text) } catch { return undefined }
  const data = (value as { data?: unknown } | null)?.data
  if (!Array.isArray(data) || typeof data[0] !== 'string') return undefined
  // A time that is no date (USEC_INFINITY, for one) is left out; the shutdown stands all the same.
  const at = new Date(Number(data[1]) / 1000)
  return data[0] === '' ? '' : `${data[0]}${at.getTime() > 0 ? ` at ${at.toISOString()}` : ''}`
}
