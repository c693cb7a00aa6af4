// ScheduleReboot and CancelReboot: what is read and written before a reboot is scheduled, and how it is taken back.
// The unit does the rest. A refusal changes nothing and is not remembered; its not-after bounds a late copy.
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import { expectedKernel } from '../domain/boot-check.ts'
import { type OrderRequest, rebootReasons, requireSameContent, requireWellFormed } from '../domain/order-admission.ts'
import { orderDigest } from '../domain/order-digest.ts'
import { isOrderId, type OrderFiles, unitName } from '../domain/order-record.ts'
import { isKnown, timeVetoes, vetoes } from '../domain/veto.ts'
import { hooksOfStages, isObserving, observed } from './observe.ts'
import { grantOf, type OrderDesk, type OrderView } from './order-desk.ts'

export interface RebootRequest {
  readonly order: OrderRequest
  readonly delayMs: number
  readonly reason: string
  readonly storages: readonly string[]
}

const longestDelayMs = 24 * 3_600_000
/** The coordinator's final check asked for the same facts just now, and the unit asks afresh when it fires. */
const justAskedMs = 1000
/** A "not needed" of needrestart holds as long as no package changes; a "needed" that is old by now costs a reboot that was wanted then. */
const needAgeMs = Number.POSITIVE_INFINITY

/** What a refusal looks like; nothing of it is kept. */
export const refused = (id: string, reasons: readonly Reason[]): OrderView => ({ files: { id, boots: [] }, status: 'vetoed', reasons })

export const takenBack = (files: OrderFiles): OrderView => ({
  files,
  status: 'cancelled',
  reasons: [reason('ORDER_CANCELLED', `order ${files.id} was taken back by ${files.decision?.by ?? 'somebody'}`), ...files.decision?.reasons ?? []]
})

export async function scheduleReboot(desk: OrderDesk, request: RebootRequest): Promise<OrderView> {
  const { order } = request
  if (!(request.delayMs >= 0 && request.delayMs <= longestDelayMs)) throw new Fault('INVALID_INPUT', `a delay of ${request.delayMs} ms is not usable`)
  if (request.storages.length === 0) throw new Fault('INVALID_INPUT', `order ${order.id} names no storage: what should be compared after the boot?`)
  const digest = orderDigest('reboot', order, [], request.storages)
  desk.receive(order, digest)
  const view = await desk.claim(order.id, 'reboot', async () => {
    // Read inside the claim: a copy of this order may have been taken in while this one waited.
    const files = desk.store.read(order.id)
    if (files?.accepted === undefined && files?.decision?.kind === 'cancelled') return takenBack(files)
    if (files?.accepted === undefined) return accept(desk, request, digest)
    requireSameContent(files, digest)
    return undefined
  })
  if (view !== undefined) return view
  const known = await desk.view(order.id)
  // The one under way was refused, and a refusal is not kept: the copy is judged by itself.
  if (known === undefined) return scheduleReboot(desk, request)
  requireSameContent(known.files, digest)
  // Accepted, and its unit never came to begin (the agent died in between): start it again; only one can ever begin.
  if (known.status === 'accepted') return await desk.claim(order.id, 'reboot', async () => { await desk.launch(order.id, 'reboot'); return undefined }) ?? await desk.viewOf(known.files)
  return known
}

async function accept(desk: OrderDesk, request: RebootRequest, digest: string): Promise<OrderView | undefined> {
  const { order } = request
  const { host, clock } = desk
  const bootId = host.files.bootId()
  // With Gitaly still up: needrestart never runs inside the outage, and seldom here, since staging has asked it.
  const [facts, info, need] = await Promise.all([host.facts(justAskedMs), host.gitaly.serverInfo(), host.settings.rebootPolicy === 'if-needed' ? host.rebootNeeds.ask(needAgeMs) : undefined])
  const filesystemIds: Record<string, string> = {}
  const storageReasons: Reason[] = []
  if (!isKnown(info)) storageReasons.push(reason('STORAGE_UNHEALTHY', `storages cannot be read before the reboot: ${info.unknown}`))
  else for (const name of request.storages) {
    const storage = info.value.storages.find((each) => each.name === name)
    if (storage === undefined) storageReasons.push(reason('STORAGE_UNHEALTHY', `Gitaly does not list storage ${name}`))
    else if (storage.filesystemId === '') storageReasons.push(reason('STORAGE_UNHEALTHY', `storage ${name} has no file system id to compare after the boot`))
    else filesystemIds[name] = storage.filesystemId
  }
  const reasons = [
    ...timeVetoes(grantOf(order), clock.now(), host.settings.maximumClockOffsetMs),
    ...clock.now() + request.delayMs >= order.notAfterMs && clock.now() < order.notAfterMs
      ? [reason('EXPIRED', 'the delay reaches beyond not-after')] : [],
    ...desk.damage(),
    ...rebootReasons(order, bootId, desk.store.sift().orders),
    ...vetoes('reboot', facts),
    ...storageReasons,
    ...need?.required === false ? [reason('REBOOT_NOT_NEEDED', ['nothing asks for a reboot: no /run/reboot-required, no other kernel, nothing that needrestart names', ...need.notes].join('; '))] : []
  ]
  if (isObserving(desk)) {
    return refused(order.id, observed(desk, order.id, 'reboot', { reboot: true, hooks: hooksOfStages(desk, 'before-reboot', 'after-ready') }, reasons))
  }
  if (reasons.length > 0) return refused(order.id, reasons)
  const kernel = expectedKernel(host.files.boot())
  desk.accept({
    id: order.id,
    step: 'reboot',
    fleet: order.fleet,
    node: order.node,
    planHash: order.planHash,
    manifestHash: order.manifestHash,
    digest,
    bootId,
    acceptedAtMs: clock.now(),
    reason: request.reason,
    // An expectation that cannot be proven would fail a healthy node: none is held then, and that is told.
    notes: 'version' in kernel ? [] : [`which kernel comes is not checked: ${kernel.unknown}`],
    install: [],
    simulated: [],
    reboot: {
      delayMs: request.delayMs,
      filesystemIds,
      storages: request.storages,
      expectedKernel: 'version' in kernel ? kernel.version : ''
    }
  }, grantOf(order))
  // A cancellation may have come in while the host was looked at.
  if (desk.store.read(order.id)?.decision === undefined) await desk.launch(order.id, 'reboot')
  return undefined
}

export type CancelResult = 'cancelled' | 'too-late' | 'not-found'

/** Decided on disk: whoever creates the decision first, the unit with "begun" or this, has the last word. */
export async function cancelReboot(desk: OrderDesk, id: string, by: string, why: string): Promise<{ result: CancelResult, view: OrderView | undefined }> {
  if (!isOrderId(id)) throw new Fault('INVALID_INPUT', `the order id ${JSON.stringify(id.slice(0, 130))} is not usable`)
  const before = desk.store.read(id)
  if (before?.accepted !== undefined && before.accepted.step !== 'reboot') throw new Fault('INVALID_INPUT', `order ${id} is no reboot but ${before.accepted.step}`)
  const text = `taken back by ${by}${why === '' ? '' : `: ${why}`}`
  // An outcome of "vetoed" or "failed to schedule" has no decision "begun": taking it back once more is harmless.
  const decision = desk.store.decide(id, { kind: 'cancelled', atMs: desk.clock.now(), by, reasons: [reason('ORDER_CANCELLED', text)] })
  if (decision.kind === 'begun') {
    const view = await desk.view(id)
    // Begun and then refused by its last check: Gitaly was never stopped.
    return { result: view?.status === 'vetoed' ? 'cancelled' : 'too-late', view }
  }
  if (before?.accepted !== undefined && before.outcome === undefined) {
    // The decision on disk is what counts: a unit that was not stopped finds it and ends by itself.
    await desk.host.units.stop(unitName(id)).catch((error: unknown) => { desk.log.warn({ order: id, error: String(error) }, 'the unit of a cancelled order could not be stopped') })
  }
  return { result: before?.accepted === undefined ? 'not-found' : 'cancelled', view: await desk.view(id) }
}

export function receiveCancel(desk: OrderDesk, order: OrderRequest): void {
  requireWellFormed(order, desk.self)
  desk.acknowledgeEpoch(order.epoch)
}
