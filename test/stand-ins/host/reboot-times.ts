// Outages out of a machine's own record: how long its repositories were away, and how much of that the machine did
// not need. Pure.
import type { BootRecord, MachineEvent } from './history.ts'

/** One reboot as the machine saw it, all in ms. */
export interface RebootTimes {
  readonly bootId: string
  readonly cause: BootRecord['cause']
  /** Epoch ms of Gitaly's stop and of its serving again. */
  readonly stoppedAt: number
  readonly servingAt: number
  readonly outageMs: number
  /** Between Gitaly being down and the order to reboot: nobody's but the orchestration's. */
  readonly idleMs: number
  /** outage less idle: what this machine needs by itself. */
  readonly bareMs: number
}

/** All completed outages with a reboot in them, from the machine's own record. */
export function rebootTimes(events: readonly MachineEvent[]): RebootTimes[] {
  return events.flatMap((boot, index) => {
    if (boot.event !== 'boot' || boot['cause'] === 'power-on') return []
    const before = events.slice(0, index)
    const upBefore = before.findLastIndex(({ event }) => event === 'gitaly-serving')
    const outage = before.slice(upBefore + 1)
    const stopped = outage.find(({ event }) => event === 'gitaly-stop-requested' || event === 'gitaly-exit' || event === 'power-cut')
    const serving = events.slice(index).find(({ event, boot_id }) => event === 'gitaly-serving' && boot_id === boot.boot_id)
    if (stopped === undefined || serving === undefined) return []
    const time = (event: MachineEvent | undefined, otherwise: MachineEvent): number => Date.parse((event ?? otherwise).at)
    const down = outage.findLast(({ event }) => event === 'gitaly-down')
    const ordered = outage.find(({ event }) => event === 'reboot-requested' || event === 'power-cut')
    const outageMs = time(serving, serving) - time(stopped, stopped)
    const idleMs = Math.max(0, time(ordered, stopped) - time(down, stopped))
    return [{
      bootId: boot.boot_id, cause: boot['cause'] as BootRecord['cause'], stoppedAt: time(stopped, stopped), servingAt: time(serving, serving),
      outageMs, idleMs, bareMs: outageMs - idleMs
    }]
  })
}
