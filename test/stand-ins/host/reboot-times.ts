// Outages out of a machine's own record: how long its repositories were away, and how much of that the machine did
// not need. Pure.
//   outage = stop + idle + shutdown + firmware + service;  bare = outage - idle
// A caller's loss is its own time for the node less bareMs less what it waited on purpose.
import type { BootRecord, MachineEvent } from './history.ts'

/** One reboot as the machine saw it, all in ms. With several boots before Gitaly serves again, the last one's record has all. */
export interface RebootTimes {
  readonly bootId: string
  readonly cause: BootRecord['cause']
  /** Epoch ms of Gitaly's stop and of its serving again. */
  readonly stoppedAt: number
  readonly servingAt: number
  readonly outageMs: number
  /** Gitaly's own: from the wish that it stop to its end; 0 when it was still running at the order to reboot. */
  readonly stopMs: number
  /** Between Gitaly's first end and the order to reboot: nobody's but the orchestration's. */
  readonly idleMs: number
  /** From the order (or the power cut) to the last process gone. A slow agent shows here: see agentEndMs. */
  readonly shutdownMs: number
  /** Part of shutdownMs: from the order to the agent's end; 0 without an agent. */
  readonly agentEndMs: number
  /** No power to boot, all boots of a repeated one together. */
  readonly firmwareMs: number
  /** From the last boot to Gitaly's listening. */
  readonly serviceMs: number
  /** outage less idle: what this machine needs by itself. */
  readonly bareMs: number
}

/** All completed outages with a reboot in them, from the machine's own record. */
export function rebootTimes(events: readonly MachineEvent[]): RebootTimes[] {
  return events.flatMap((boot, index) => {
    if (boot.event !== 'boot' || boot['cause'] === 'power-on') return []
    const before = events.slice(0, index)
    const outage = before.slice(before.findLastIndex(({ event }) => event === 'gitaly-serving') + 1)
    const serving = events.slice(index).find(({ event, boot_id }) => event === 'gitaly-serving' && boot_id === boot.boot_id)
    const first = (...names: readonly MachineEvent['event'][]): number | undefined => time(outage.find(({ event }) => names.includes(event)))
    const stopped = first('gitaly-stop-requested', 'gitaly-exit', 'power-cut')
    const ordered = first('reboot-requested', 'power-cut')
    const off = first('off')
    if (stopped === undefined || ordered === undefined || off === undefined || serving === undefined) return []
    // Ended by the shutdown itself: nothing lay idle.
    const down = Math.min(first('gitaly-down') ?? ordered, ordered)
    const agentEnd = outage.find((event) => event.event === 'agent-exit' && Date.parse(event.at) >= ordered)
    const [servingAt, bootedAt] = [Date.parse(serving.at), Date.parse(boot.at)]
    const stoppedAt = Math.min(stopped, ordered)
    const [outageMs, idleMs] = [servingAt - stoppedAt, ordered - down]
    return [{
      bootId: boot.boot_id, cause: boot['cause'] as BootRecord['cause'], stoppedAt, servingAt, outageMs, stopMs: down - stoppedAt, idleMs,
      shutdownMs: off - ordered, agentEndMs: agentEnd === undefined ? 0 : Date.parse(agentEnd.at) - ordered, firmwareMs: bootedAt - off,
      serviceMs: servingAt - bootedAt, bareMs: outageMs - idleMs
    }]
  })
}

const time = (event: MachineEvent | undefined): number | undefined => (event === undefined ? undefined : Date.parse(event.at))
