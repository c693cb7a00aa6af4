// Where a stand-in Gitaly is not watched by a stand-in machine (the lab: real runit), it keeps the record of its own life
// by itself, in the machine's words. Off unless PITSTOP_STAND_IN_WITNESS names the file.
import { appendFileSync, readFileSync } from 'node:fs'
import type { MachineEvent } from '../host/history.ts'

const file = process.env['PITSTOP_STAND_IN_WITNESS']

export function witness(event: MachineEvent['event'], facts: Readonly<Record<string, number>> = {}): void {
  if (file === undefined) return
  const record: MachineEvent = { at: new Date().toISOString(), event, boot_id: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), pid: process.pid, ...facts }
  appendFileSync(file, `${JSON.stringify(record)}\n`)
}
