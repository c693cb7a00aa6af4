// Whether a shutdown is scheduled on the host, asked of logind; without logind its own file is the truth.
// Read-only: pitstop never schedules through logind, so whatever stands there is somebody else's.
import type { HostFiles, RunCommand } from '../ports.ts'

const question = ['busctl', '--system', '--json=short', 'get-property', 'org.freedesktop.login1', '/org/freedesktop/login1',
  'org.freedesktop.login1.Manager', 'ScheduledShutdown'] as const

/** Kind and time; undefined = none. */
export async function scheduledShutdown(run: RunCommand, files: Pick<HostFiles, 'scheduledShutdownFile'>): Promise<string | undefined> {
  const result = await run({ argv: [...question], deadlineMs: 5000 }).catch(() => undefined)
  const answer = result?.code === 0 ? parseScheduled(result.stdout) : undefined
  if (answer !== undefined) return answer === '' ? undefined : answer
  return files.scheduledShutdownFile() ? '/run/systemd/shutdown/scheduled exists' : undefined
}

/** Empty = none; undefined = not understood. */
export function parseScheduled(text: string): string | undefined {
  let value: unknown
  try { value = JSON.parse(text) } catch { return undefined }
  const data = (value as { data?: unknown } | null)?.data
  if (!Array.isArray(data) || typeof data[0] !== 'string') return undefined
  // Microseconds; logind says 2^64-1 for "no time", which is no date.
  const at = new Date(Number(data[1]) / 1000)
  return data[0] === '' ? '' : `${data[0]}${at.getTime() > 0 ? ` at ${at.toISOString()}` : ''}`
}
