// Did Gitaly start clean? No start-up error behind the mark that was set in its log after it stopped.
import { check } from './check-service.ts'
import { type NodeStep, done, isDone } from './step.ts'

export const checkLog: NodeStep = {
  name: 'check-log',
  part: 'slot',
  next: (view) => isDone(view.self, 'check-log') ? done : check(view, 'check-log', ['log'])
}
