// The three append-only records that a checker reads afterwards: what was run, what booted, what the machine went
// through. One JSON object a line, one write a line; they outlive boots and are never rewritten.
import { appendFileSync } from 'node:fs'
import { at, layout } from './host-layout.ts'
import { readIfThere } from './durable-file.ts'

export interface CommandRecord {
  readonly at: string
  readonly command: string
  readonly args: readonly string[]
  readonly boot_id: string
  /**
   * null = ended by a signal: of its own fault, or while the machine was still at work on it, which finishes all the
   * same. A process of its own (apt-get) that is killed from outside leaves no record.
   */
  readonly exit: number | null
  /** Of the work itself; what its start took is not in it. */
  readonly ms: number
  readonly pid: number
}

export interface BootRecord {
  readonly at: string
  readonly boot_id: string
  readonly kernel: string
  readonly cause: 'power-on' | 'ordered' | 'spontaneous'
}

type MachineEventName =
  | 'power-on' | 'boot' | 'agent-start' | 'agent-ready' | 'agent-exit' | 'gitaly-start' | 'gitaly-serving' | 'gitaly-exit'
  | 'gitaly-stop-requested' | 'gitaly-down' | 'reboot-requested' | 'power-cut' | 'off' | 'stays-off' | 'power-off'
  | 'unit-start' | 'unit-exit'

export interface MachineEvent {
  readonly at: string
  readonly event: MachineEventName
  readonly boot_id: string
  readonly [fact: string]: string | number | boolean | null
}

export function appendRecord(root: string, place: 'commandHistory' | 'bootHistory' | 'machineHistory',
  record: CommandRecord | BootRecord | MachineEvent): void {
  appendFileSync(at(root, place), `${JSON.stringify(record)}\n`)
}

/** All whole lines; a line being written is left for the next time. */
export function readRecords<T>(root: string, place: 'commandHistory' | 'bootHistory' | 'machineHistory'): T[] {
  const text = readIfThere(`${root}/${layout[place]}`) ?? ''
  return text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as T)
}
