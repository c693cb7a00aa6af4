// Stage: lists refreshed, what would change compared with the manifest (or resolved into one), packages downloaded.
// Changes no installed package, so it lives inside the agent: a restarted agent simply stages again when asked.
import { asFault, type Reason } from '@pitstop/shared/fault'
import type { Simulation } from '../domain/apt-output.ts'
import { applicable, compareSimulation, type PackageVersion, resolveManifest } from '../domain/apt-plan.ts'
import { type OrderRequest, requireManifest, requireSameContent } from '../domain/order-admission.ts'
import { orderDigest } from '../domain/order-digest.ts'
import type { Change } from '../domain/order-record.ts'
import { timeVetoes, vetoes } from '../domain/veto.ts'
import type { OnProgress } from '../ports.ts'
import { rebootRequired } from '../units/upgrade.ts'
import { grantOf, type OrderDesk, type OrderView } from './order-desk.ts'
import { refused } from './reboot-order.ts'

export interface PackagesRequest {
  readonly order: OrderRequest
  readonly manifest: readonly PackageVersion[]
}

interface Compared {
  readonly install: readonly PackageVersion[]
  readonly changes: readonly Change[]
  readonly notes: readonly string[]
  readonly reasons: readonly Reason[]
}

export async function stage(desk: OrderDesk, { order, manifest }: PackagesRequest, onProgress: OnProgress): Promise<OrderView> {
  const digest = orderDigest('stage', order, manifest, [])
  desk.receive(order, digest)
  requireManifest(order, manifest)
  const view = await desk.claim(order.id, 'stage', async () => {
    const { host, clock } = desk
    const before = desk.store.read(order.id)
    if (before?.outcome !== undefined) return undefined
    const reasons = [...timeVetoes(grantOf(order), clock.now(), host.settings.maximumClockOffsetMs), ...vetoes('stage', await host.facts())]
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
        rebootRequired: rebootRequired(host.files)
      })
    }
    await desk.warmUp()
    try {
      onProgress({ percent: 0, text: 'refreshing package lists' })
      await host.apt.update()
      onProgress({ percent: 30, text: 'simulating' })
      const compared = await compare(desk, manifest)
      if (compared.reasons.length > 0) { ended('vetoed', compared.reasons, compared); return undefined }
      if (compared.install.length > 0) {
        onProgress({ percent: 40, text: `downloading ${compared.install.length} packages` })
        await host.apt.download(compared.install)
      }
      onProgress({ percent: 100, text: 'staged' })
      ended('succeeded', [], compared)
    } catch (error) {
      const fault = asFault(error)
      // The host is as it was: what stands in the way is a refusal, not a broken host.
      ended(['DPKG_LOCKED', 'MANIFEST_DIFFERS'].includes(fault.code) ? 'vetoed' : 'failed', [fault.toReason()])
    }
    return undefined
  })
  if (view !== undefined) return view
  const known = await desk.view(order.id)
  if (known === undefined) return stage(desk, { order, manifest }, onProgress)
  requireSameContent(known.files, digest)
  return known
}

/** With an empty manifest the host's own resolution; else what of the manifest applies here, and every difference. */
export async function compare(desk: OrderDesk, manifest: readonly PackageVersion[]): Promise<Compared> {
  const { apt, settings } = desk.host
  const [upgradable, held, installed] = await Promise.all([apt.simulateUpgrade(), apt.holds(), apt.installed()])
  const restrictions = { excluded: settings.apt.exclude, held }
  if (manifest.length === 0) {
    const { changes, notes, reasons } = resolveManifest(upgradable, restrictions)
    return { install: changes.map(({ name, to }) => ({ name, version: to })), changes, notes, reasons }
  }
  const plan = applicable(manifest, installed, upgradable, restrictions)
  if (plan.install.length === 0) return { ...plan, changes: [] }
  const simulated: Simulation = await apt.simulateInstall(plan.install)
  return { install: plan.install, changes: simulated.changes, notes: plan.notes, reasons: [...plan.reasons, ...compareSimulation(plan.install, simulated)] }
}
