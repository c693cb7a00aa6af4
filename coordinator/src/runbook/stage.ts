// Download what the upgrade needs, while nothing of the node is touched yet. The canary of each platform resolves the
// list of packages; everyone else gets exactly that list.
import { manifestHash } from '@pitstop/shared/digest'
import { reason } from '@pitstop/shared/fault'
import { lastStart } from '../domain/admission.ts'
import type { Event } from '../domain/event.ts'
import type { OrderView } from '../domain/observed.ts'
import { canaryOf } from '../domain/slots.ts'
import { absentIsProof, awaitOrder, giveOrder, orderFor, startWithinMs, endedWithout, whyEnded } from './order.ts'
import { type Next, type NodeStep, type View, done, isDone, stepOf, wait } from './step.ts'
import { stoppedUnordered } from './unordered-stop.ts'

export const stage: NodeStep = {
  name: 'stage',
  part: 'prepare',

  next(view: View): Next {
    const { self, state, node, now } = view
    if (isDone(self, 'stage')) return done
    if (stepOf(self, 'stage')?.status === 'intended') return awaitOrder(view, 'stage')
    const manifest = state.manifests.get(node.platform)
    const canary = manifest === undefined ? canaryOf(state, node.platform) : self
    if (canary?.node !== self.node) {
      return wait([reason('WAITING', `${canary?.node ?? 'the canary'} resolves the packages for ${node.platform} first`)])
    }
    // Given again it is the same order: what was told to resolve resolves, though somebody else has done so since.
    const manifestHash = stepOf(self, 'stage')?.facts.manifestHash ?? manifest?.hash ?? ''
    return giveOrder(orderFor(view, 'stage', { notAfter: Math.min(now + startWithinMs, lastStart(state)), manifestHash }))
  },

  conclude(view: View, answer: OrderView, host): readonly Event[] {
    const { self, node, state } = view
    const intended = stepOf(self, 'stage')
    if (intended === undefined || host === null) return []
    const stopped = stoppedUnordered(self, host)
    if (stopped === 'unknown') return []
    const failed = (reasons: OrderView['reasons']): Event => ({ type: 'node-failed', node: self.node, step: 'stage', down: true, reasons })
    switch (answer.status) {
      case 'succeeded': {
        const packages = answer.changes.map(({ name, to }) => ({ name, version: to }))
        const facts = { changes: answer.changes.length, rebootRequired: answer.rebootRequired, notes: answer.notes, gitalyPid: host.gitalyPid }
        return [
          ...(state.manifests.has(node.platform) ? [] : [{ type: 'manifest-resolved', platform: node.platform, node: self.node, hash: manifestHash(packages), packages } as const]),
          { type: 'step-done', node: self.node, step: 'stage', attempt: self.attempt, facts },
          ...stopped === null ? [] : [failed([stopped])]
        ]
      }
      // Nothing was installed, so nothing is hurt by us: a node whose Gitaly runs is left as it was and offered again later.
      case 'vetoed': case 'cancelled': case 'failed': {
        const why = whyEnded(view, 'stage', answer)
        return [endedWithout(view, 'stage', answer), stopped === null ? { type: 'node-postponed', node: self.node, reasons: why } : failed([...why, stopped])]
      }
      case 'absent': case 'accepted': return absentIsProof(view, intended) ? [endedWithout(view, 'stage', answer)] : []
      // A host that cannot tell now is asked again; past its deadline the step is overdue.
      case 'running': case 'in-doubt': case 'unknown': return []
      default: return answer.status satisfies never
    }
  }
}
