// The weight assigner, around everything else: its schedule off and no pipeline of it alive before the first node, or it
// would undo every weight; back as it was after the last promise is kept.
import { reason } from '@pitstop/shared/fault'
import { gitlabFreshMs } from '../domain/gates.ts'
import { stillCounts } from '../domain/observed.ts'
import { assignerObligation } from '../domain/state.ts'
import { type Next, type View, act, done, record, wait } from './step.ts'
import { mayWrite } from './zero-weight.ts'

export type WindowView = Pick<View, 'state' | 'observed' | 'now'>

/** How often GitLab is read while something there is waited for. */
const gitlabEveryMs = 2000

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
  if (reading === null || !stillCounts(reading.at, gitlabFreshMs, now) || reading.seq < (state.windowSteps['pause-assigner']?.endedSeq ?? Infinity)) return observeGitlab(view)
  const live = reading.pipelines
  if (reading.scheduleActive === false && live.length === 0) return record(finished)
  const toCancel = policy.livePipelines === 'cancel' && reading.scheduleActive === false ? live.find(({ id }) => !observed.cancelled.has(id)) : undefined
  if (toCancel !== undefined) return mayWrite(view) ?? act({ kind: 'cancel-pipeline', id: toCancel.id })
  const again = observeGitlab(view)
  if (again.kind !== 'wait' || observed.gitlabFault !== null) return again
  const because = reading.scheduleActive === false
    ? live.map(({ id, status, webUrl }) => reason('ASSIGNER_RUNNING', `pipeline ${id} of the assigner is ${status}${observed.cancelled.has(id) ? ', and was told to end' : ''}: ${webUrl}`, 'nothing to do: pitstop waits for it'))
    : [reason('ASSIGNER_ACTIVE', 'the assigner should be off, and it is on')]
  return { ...again, reasons: because }
}

export function resumeAssigner(view: WindowView): Next {
  const { state } = view
  const obligation = state.obligations.get(assignerObligation)
  if (obligation?.status !== 'open') return done
  return mayWrite(view) ?? act({ kind: 'set-schedule', active: obligation.previous === true, step: 'resume-assigner' })
}

/** Read GitLab, at most every `gitlabEveryMs`, whether the last reading came or failed. */
export function observeGitlab({ observed, now }: Pick<WindowView, 'observed' | 'now'>): Next {
  if (observed.inFlight.has('observe-gitlab')) return wait([reason('WAITING', 'GitLab is being read')])
  const { gitlab, gitlabFault: fault } = observed
  if (fault !== null && stillCounts(fault.at, gitlabEveryMs, now)) return wait([fault.reason], fault.at + gitlabEveryMs)
  if (gitlab !== null && stillCounts(gitlab.at, gitlabEveryMs, now)) return wait([reason('WAITING', 'GitLab has just been read')], gitlab.at + gitlabEveryMs)
  return act({ kind: 'observe-gitlab' })
}
