// Upgrade: compared once more, then handed to a unit of its own that outlives this agent; whoever asks again re-attaches.
import { asFault } from '@pitstop/shared/fault'
import { parseStatusLine } from '../domain/apt-progress.ts'
import { inhibitedUnits } from '../domain/apt-timers.ts'
import { requireManifest, requireSameContent } from '../domain/order-admission.ts'
import { orderDigest } from '../domain/order-digest.ts'
import { isFinal } from '../domain/order-state.ts'
import { timeVetoes, vetoes } from '../domain/veto.ts'
import { followOrder, wholeProgress } from '../adapters/order-follow.ts'
import type { OnProgress } from '../ports.ts'
import { grantOf, type OrderDesk, type OrderView } from './order-desk.ts'
import { hooksOfStages, isObserving, observed } from './observe.ts'
import { refused } from './reboot-order.ts'
import type { PackagesRequest } from './stage-order.ts'
import { type Compared, compareStaged, packageText, resolve } from './resolve-packages.ts'

/** No word about the unit for this long, and the doubt is told as it is. */
const doubtMs = 30_000
const askEveryMs = 900
/** Staging has asked needrestart; it takes seconds. */
const needAgeMs = 10 * 60_000

/** @param signal aborts the attachment, never the upgrade. */
export async function upgrade(desk: OrderDesk, request: PackagesRequest, onProgress: OnProgress, signal: AbortSignal): Promise<OrderView> {
  const view = await carryOut(desk, request, onProgress, signal)
  if (view.status !== 'succeeded' || view.files.accepted === undefined) return view
  // The policy will be asked about inside the slot; needrestart takes seconds, and they are spent here.
  if (desk.host.settings.rebootPolicy === 'if-needed') await desk.host.rebootNeeds.ask(needAgeMs)
  await desk.armed.arm(view.files.accepted)
  return view
}

async function carryOut(desk: OrderDesk, request: PackagesRequest, onProgress: OnProgress, signal: AbortSignal): Promise<OrderView> {
  const { order, manifest } = request
  const digest = orderDigest('upgrade', order, manifest, [])
  desk.receive(order, digest)
  requireManifest(order, manifest)
  const view = await desk.claim(order.id, 'upgrade', async () => {
    const before = desk.store.read(order.id)
    return before?.accepted === undefined ? accept(desk, request, digest) : undefined
  })
  if (view !== undefined) return view
  const known = await desk.view(order.id)
  if (known === undefined) return carryOut(desk, request, onProgress, signal)
  requireSameContent(known.files, digest)
  if (known.status === 'accepted') await desk.claim(order.id, 'upgrade', () => desk.launch(order.id, 'upgrade'))
  return attach(desk, order.id, onProgress, signal)
}

async function accept(desk: OrderDesk, { order, manifest }: PackagesRequest, digest: string): Promise<OrderView | undefined> {
  const { host, clock } = desk
  const time = [...timeVetoes(grantOf(order), clock.now(), host.settings.maximumClockOffsetMs), ...desk.damage()]
  const nothing: Compared = { install: [], changes: [], notes: [], reasons: [] }
  let compared = nothing
  let reasons = time
  if (manifest.length > 0) {
    const facts = await host.facts()
    // What only observes stages nothing.
    try { compared = await (isObserving(desk) ? resolve(desk, manifest, 'host') : compareStaged(desk, manifest)) } catch (error) { compared = { ...nothing, reasons: [asFault(error).toReason()] } }
    reasons = [...time, ...vetoes('upgrade', facts), ...compared.reasons]
  }
  if (isObserving(desk)) {
    const install = compared.install.map(packageText)
    const would = install.length === 0 ? { install } : { install, mask: inhibitedUnits, hooks: hooksOfStages(desk, 'before-upgrade') }
    return refused(order.id, observed(desk, order.id, 'upgrade', would, reasons))
  }
  if (reasons.length > 0) return refused(order.id, reasons)
  const acceptedAtMs = clock.now()
  desk.accept({
    id: order.id, step: 'upgrade', fleet: order.fleet, node: order.node, planHash: order.planHash, manifestHash: order.manifestHash,
    digest, bootId: host.files.bootId(), acceptedAtMs, reason: '', notes: compared.notes, install: compared.install, simulated: compared.changes
  }, grantOf(order))
  if (compared.install.length > 0) await desk.launch(order.id, 'upgrade')
  else {
    desk.finish(order.id, {
      status: 'succeeded', atMs: clock.now(), begunAtMs: acceptedAtMs, reasons: [], changes: [], notes: compared.notes,
      rebootRequired: (await host.rebootNeeds.ask(needAgeMs)).required
    })
  }
  return undefined
}

/** Progress as the unit writes it, until the outcome is on disk or it is plain that none will come. */
async function attach(desk: OrderDesk, id: string, onProgress: OnProgress, signal: AbortSignal): Promise<OrderView> {
  let doubtSince = 0
  let askedAt = Number.NEGATIVE_INFINITY
  let told = 0
  const tell = (lines: readonly string[]): void => {
    told += lines.length
    for (const line of lines) {
      const progress = parseStatusLine(line)
      if (progress !== undefined) onProgress(progress)
    }
  }
  for await (const lines of followOrder(desk.store.pathOf(id, '.'), signal)) {
    tell(lines)
    // Asking for the unit costs a process; between two questions only the outcome's file is looked at.
    if (desk.clock.monotonic() - askedAt < askEveryMs && desk.store.read(id)?.outcome === undefined) continue
    askedAt = desk.clock.monotonic()
    const view = await desk.view(id)
    if (view === undefined || isFinal(view.status) || view.status === 'accepted') break
    doubtSince = view.status === 'in-doubt' ? doubtSince || desk.clock.monotonic() : 0
    if (doubtSince !== 0 && desk.clock.monotonic() - doubtSince > doubtMs) break
  }
  // apt may have written its last lines between the last reading and the outcome.
  if (!signal.aborted) tell(wholeProgress(desk.store.pathOf(id, '.')).slice(told))
  return await desk.view(id) ?? refused(id, [])
}
