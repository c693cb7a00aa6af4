// Stage: taken in, carried out, ended with an outcome. The work is in staging.ts. Changes no installed package, so it lives
// inside the agent: a restarted agent simply stages again when asked.
import { asFault, type Reason } from '@pitstop/shared/fault'
import type { FaultCode } from '@pitstop/shared/fault-table'
import type { PackageVersion } from '../domain/apt-plan.ts'
import { type OrderRequest, requireManifest, requireSameContent } from '../domain/order-admission.ts'
import { orderDigest } from '../domain/order-digest.ts'
import { timeVetoes, vetoes } from '../domain/veto.ts'
import type { OnProgress } from '../ports.ts'
import { grantOf, type OrderDesk, type OrderView } from './order-desk.ts'
import { isObserving, observed } from './observe.ts'
import { refused } from './reboot-order.ts'
import { type Compared, packageText, resolve } from './resolve-packages.ts'
import { carryOutStaging } from './staging.ts'

export interface PackagesRequest {
  readonly order: OrderRequest
  readonly manifest: readonly PackageVersion[]
}

/** The host is as it was, and what stands in the way has a name: a refusal, no broken host. */
const refusals: readonly FaultCode[] = ['DPKG_LOCKED', 'DPKG_BROKEN', 'DISK_FULL', 'MANIFEST_DIFFERS', 'NOT_STAGED']

export async function stage(desk: OrderDesk, { order, manifest }: PackagesRequest, onProgress: OnProgress): Promise<OrderView> {
  const digest = orderDigest('stage', order, manifest, [])
  desk.receive(order, digest)
  requireManifest(order, manifest)
  const view = await desk.claim(order.id, 'stage', async () => {
    const { host, clock } = desk
    const before = desk.store.read(order.id)
    if (before?.outcome !== undefined) return undefined
    const reasons = [...timeVetoes(grantOf(order), clock.now(), host.settings.maximumClockOffsetMs), ...desk.damage(), ...vetoes('stage', await host.facts())]
    if (isObserving(desk)) return refused(order.id, await observedStage(desk, order.id, manifest, reasons))
    if (reasons.length > 0) return refused(order.id, reasons)
    const begunAtMs = clock.now()
    if (before?.accepted === undefined) {
      desk.accept({
        id: order.id, step: 'stage', fleet: order.fleet, node: order.node, planHash: order.planHash, manifestHash: order.manifestHash,
        digest, bootId: host.files.bootId(), acceptedAtMs: begunAtMs, reason: '', notes: [], install: [], simulated: []
      }, grantOf(order))
    }
    const ended = (status: 'succeeded' | 'failed' | 'vetoed', why: readonly Reason[], compared?: Compared): void => {
      desk.finish(order.id, {
        status, atMs: clock.now(), begunAtMs, reasons: why, changes: compared?.changes ?? [], notes: compared?.notes ?? [],
        rebootRequired: host.rebootNeeds.remembered().required
      })
    }
    await desk.warmUp()
    try {
      const compared = await carryOutStaging(desk, manifest, onProgress)
      if (compared.reasons.length > 0) { ended('vetoed', compared.reasons, compared); return undefined }
      await host.rebootNeeds.ask()
      onProgress({ percent: 100, text: 'staged' })
      ended('succeeded', [], compared)
    } catch (error) {
      const fault = asFault(error)
      ended(refusals.includes(fault.code) ? 'vetoed' : 'failed', [fault.toReason()])
    }
    return undefined
  })
  if (view !== undefined) return view
  const known = await desk.view(order.id)
  if (known === undefined) return stage(desk, { order, manifest }, onProgress)
  requireSameContent(known.files, digest)
  return known
}

/** By the lists that are there: refreshing them would be a change. */
async function observedStage(desk: OrderDesk, id: string, manifest: readonly PackageVersion[], reasons: readonly Reason[]): Promise<readonly Reason[]> {
  const compared = await resolve(desk, manifest, 'host').catch((error: unknown) => ({ install: [], reasons: [asFault(error).toReason()] }))
  return observed(desk, id, 'stage', { download: compared.install.map(packageText) }, [...reasons, ...compared.reasons])
}
