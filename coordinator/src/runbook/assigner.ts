// The weight assigner, around everything else: its schedule off and no pipeline of it alive before the first node, or it
// would undo every weight; back as it was after the last promise is kept.
import { reason } from '@pitstop/shared/fault'
import { assignerObligation } from '../domain/state.ts'
import { type Next, type View, act, done, record, wait } from './step.ts'
import { mayWrite } from './zero-weight.ts'

export type WindowView = Pick<View, 'state' | 'observed' | 'now'>

/** How often GitLab is read while something there is waited for. */
export const gitlabEveryMs = 2000

export function pauseAssigner(view: WindowView): Next {
  const { state } = view
  const { policy } = state.stored.plan
  if (state.windowSteps['pause-assigner']?.status === 'done') return done
  if (policy.assigner !== 'pause') return record({ type: 'step-done', node: null, step: 'pause-assigner', attempt: 1, facts: {} })
  return mayWrite(view) ?? act({ kind: 'set-schedule', active: false, step: 'pause-assigner' })
}

export function drainPipelines(view: WindowView): Next {
  const { state, observed, now } = view
  const { policy } = state.stored.plan
  if (state.windowSteps['drain-pipelines']?.status === 'done') return done
  const finished = { type: 'step-done', node: null, step: 'drain-pipelines', attempt: 1, facts: {} } as const
  if (policy.assigner === 'none') return record(finished)
  const reading = observed.gitlab
  // Only a reading that was asked for after the schedule was switched off proves anything.
  if (reading === null || now - reading.at > gitlabEveryMs || reading.at < (state.windowSteps['pause-assigner']?.endedAt ?? now)) return observeGitlab(view)
  if (reading.scheduleActive !== false) return wait([reason('ASSIGNER_ACTIVE', 'the assigner should be off, and it is on')], now + gitlabEveryMs)
  const [live] = reading.pipelines
  if (live === undefined) return record(finished)
  if (policy.livePipelines === 'cancel') return mayWrite(view) ?? act({ kind: 'cancel-pipeline', id: live.id })
  return wait([reason('ASSIGNER_RUNNING', `pipeline ${live.id} of the assigner is ${live.status}: ${live.webUrl}`, 'nothing to do: pitstop waits for it')], reading.at + gitlabEveryMs + 1)
}

export function resumeAssigner(view: WindowView): Next {
  const { state } = view
  const obligation = state.obligations.get(assignerObligation)
  if (obligation?.status !== 'open') return done
  return mayWrite(view) ?? act({ kind: 'set-schedule', active: obligation.previous === true, step: 'resume-assigner' })
}

/** Read GitLab, at most every `gitlabEveryMs` after a fault. */
export function observeGitlab({ observed, now }: Pick<WindowView, 'observed' | 'now'>): Next {
  if (observed.inFlight.has('observe-gitlab')) return wait([reason('WAITING', 'GitLab is being read')])
  const fault = observed.gitlabFault
  return fault !== null && now - fault.at < gitlabEveryMs ? wait([fault.reason], fault.at + gitlabEveryMs) : act({ kind: 'observe-gitlab' })
}
