// What this release understands of a journal. A newer release may have written more: whoever meets that does not act on
// the rest. A new event type, step or kind of promise is entered here by the compiler's own demand.
import { type Event, type FleetEvent, type ObligationKind, type StepName, nodeSteps } from './event.ts'

const types: Readonly<Record<(Event | FleetEvent)['type'], true>> = {
  'window-opened': true, 'window-rolling': true, 'window-halted': true, 'window-paused': true, 'window-resumed': true, 'window-unpaused': true, 'window-aborted': true,
  'window-closing': true, 'window-settling': true, 'window-audited': true, 'window-closed': true, 'manifest-resolved': true,
  'step-intended': true, 'step-done': true, 'step-ended': true,
  'node-admitted': true, 'node-prepared': true, 'slot-taken': true, 'slot-returned': true, 'node-healthy': true, 'node-done': true, 'node-current': true,
  'node-postponed': true, 'node-pending-reboot': true, 'node-failed': true, 'node-overdue': true, 'node-skipped': true, 'node-retried': true,
  'node-written-off': true, 'node-reported': true, 'obligation-opened': true, 'obligation-settled': true,
  'frozen': true, 'unfrozen': true, 'lease-taken': true, 'report-observed': true, 'store-restored': true, 'obligation-found': true, 'obligation-cleared': true
}
const windowSteps: Readonly<Record<Exclude<StepName, (typeof nodeSteps)[number]>, true>> = { 'pause-assigner': true, 'drain-pipelines': true, 'resume-assigner': true }
const kinds: Readonly<Record<ObligationKind, true>> = { weight: true, assigner: true }
const retryModes = new Set(['recheck', 'reboot', 'again'])

/** What is not understood of an event, in words; null = everything that decides. */
export function unknownTerm(event: { readonly type: string, readonly step?: unknown, readonly kind?: unknown, readonly mode?: unknown }): string | null {
  const { type, step, kind, mode } = event
  if (!Object.hasOwn(types, type)) return `type ${type}`
  if (typeof step === 'string' && !Object.hasOwn(windowSteps, step) && !nodeSteps.some((name) => name === step)) return `step ${step}`
  if (type === 'obligation-opened' && typeof kind === 'string' && !Object.hasOwn(kinds, kind)) return `a promise of kind ${kind}`
  if (type === 'node-retried' && typeof mode === 'string' && !retryModes.has(mode)) return `retry mode ${mode}`
  return null
}
