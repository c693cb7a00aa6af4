// Put the node's weights back as they were: previous means previous, 0 stays 0. What a restored journal calls healthy is looked at first.
import { payableWeights } from '../domain/obligations.ts'
import { seenSinceRestore } from './seen-since-restore.ts'
import { type Next, type NodeStep, type View, act, done } from './step.ts'
import { mayWrite } from './zero-weight.ts'

export const restoreWeight: NodeStep = {
  name: 'restore-weight',
  part: 'after',

  next(view: View): Next {
    const changes = payableWeights(view.state).filter(({ node }) => node === view.self.node)
    if (changes.length === 0) return done
    return mayWrite(view) ?? seenSinceRestore(view) ?? act({ kind: 'write-weights', changes })
  }
}
