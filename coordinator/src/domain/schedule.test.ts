// Whose the assigner's schedule is: previous means previous, and what somebody else switched stays theirs.
import t from 'tap'
import { emptyState } from './fold.ts'
import { type Plan, sealPlan } from './plan.ts'
import { planScheduleWrite } from './schedule.ts'
import { type State, assignerObligation } from './state.ts'

const plan = { version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 1, excluded: [], estimateMs: 0, policy: {}, nodes: [] } as unknown as Plan

function promised(previous: boolean): State {
  const state = emptyState(sealPlan(plan))
  return { ...state, obligations: new Map([[assignerObligation, { id: assignerObligation, kind: 'assigner', subject: 'w', node: null, previous, openedAt: 0, openedSeq: 0, status: 'open', settledBy: null, text: null, shown: null }]]) }
}

void t.test('an assigner that was off before us and is on now is somebody else\'s: nothing is sent', async (t) => {
  t.match(planScheduleWrite(promised(false), true, false, 'resume-assigner', 9), { send: false, intent: [], outcome: [{ type: 'step-done' }, { how: 'superseded', by: 'somebody else' }] })
  t.match(planScheduleWrite(promised(false), false, false, 'resume-assigner', 9), { send: false, outcome: [{}, { how: 'paid', by: 'pitstop' }] })
  t.match(planScheduleWrite(promised(true), false, true, 'resume-assigner', 9), { send: true, outcome: [{}, { how: 'paid', by: 'pitstop' }] })
})

void t.test('enabled by somebody else between our promise and our pause: the promise is made anew', async (t) => {
  const { send, intent } = planScheduleWrite(promised(false), true, false, 'pause-assigner', 9)
  t.ok(send)
  t.match(intent, [{ type: 'obligation-settled', how: 'superseded' }, { type: 'obligation-opened', previous: true }, { type: 'step-intended' }])
})
