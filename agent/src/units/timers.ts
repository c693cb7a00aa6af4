// Keeps the distribution's own unattended upgrades away while apt runs, by runtime masks: a reboot undoes them, this
// unit's end undoes them, and the agent undoes them when the unit was killed (see agent's settlement of INTERRUPTED).
import type { RunCommand } from '../ports.ts'

export const inhibitedUnits = ['apt-daily.service', 'apt-daily-upgrade.service', 'apt-daily.timer', 'apt-daily-upgrade.timer'] as const

/** Never fails: without the masks apt still waits for the lock. */
export async function inhibitTimers(run: RunCommand): Promise<void> {
  await run({ argv: ['systemctl', 'mask', '--runtime', ...inhibitedUnits], deadlineMs: 15_000 }).catch(() => undefined)
}

export async function releaseTimers(run: RunCommand): Promise<void> {
  await run({ argv: ['systemctl', 'unmask', '--runtime', ...inhibitedUnits], deadlineMs: 15_000 }).catch(() => undefined)
}
