// Observe mode: an order is judged as always, what it would do is appended to a file, and it is refused. Must never reach
// anything that changes the host: no unit, no mask, no hook, no download.
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import type { Reason } from '@pitstop/shared/fault'
import type { HookStage } from '../domain/hook.ts'
import { type ObservedOrder, observedFile, observing, type Would } from '../domain/observing.ts'
import type { Step } from '../domain/veto.ts'
import type { OrderDesk } from './order-desk.ts'

export const isObserving = ({ host }: OrderDesk): boolean => host.settings.mode === 'observe'

/** @param refused why it would have been refused. @returns those reasons, and that the agent only observes. */
export function observed(desk: OrderDesk, id: string, step: Step, would: Would, refused: readonly Reason[]): readonly Reason[] {
  const { clock, self, host, log } = desk
  const line: ObservedOrder = { time: new Date(clock.now()).toISOString(), order: id, step, would, refused }
  const fd = openSync(observedFile(self.state), 'a', 0o600)
  try {
    writeSync(fd, `${JSON.stringify(line)}\n`)
    fsyncSync(fd)
  } finally { closeSync(fd) }
  log.info({ ...line }, 'observed')
  return [...refused, ...observing(host.settings.mode, self.state)]
}

export const hooksOfStages = ({ host }: OrderDesk, ...stages: readonly HookStage[]): readonly string[] =>
  stages.flatMap((stage) => host.hooks.read(stage).hooks.map(({ name }) => `${stage}/${name}`))
