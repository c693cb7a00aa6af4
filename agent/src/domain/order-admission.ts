// May this order be carried out? Pure: the order, what is known of it and of others in; one answer with reasons out.
// The epoch has been persisted before this is asked. Faults are gRPC errors, vetoes are answers.
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import { manifestHash } from '@pitstop/shared/digest'
import type { PackageVersion } from './apt-plan.ts'
import { attemptOf, isOrderId, type OrderFiles } from './order-record.ts'
import type { Step } from './veto.ts'

export interface OrderRequest {
  readonly id: string
  readonly fleet: string
  readonly node: string
  readonly planHash: string
  readonly manifestHash: string
  readonly epoch: number
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly bootId: string
}

/** @throws Fault for what no honest coordinator sends to this node. */
export function requireWellFormed(order: OrderRequest, self: { readonly fleet: string, readonly node: string }): void {
  if (!isOrderId(order.id)) throw new Fault('INVALID_INPUT', `the order id ${JSON.stringify(order.id.slice(0, 130))} is not usable`)
  if (order.fleet !== self.fleet) throw new Fault('WRONG_FLEET', `order ${order.id} is for fleet ${order.fleet || '(none)'}; this agent belongs to ${self.fleet}`)
  if (order.node !== self.node) throw new Fault('WRONG_NODE', `order ${order.id} is for ${order.node || '(none)'}; this is ${self.node}`)
  if (order.planHash === '') throw new Fault('INVALID_INPUT', `order ${order.id} names no plan`)
  if (!Number.isSafeInteger(order.epoch) || order.epoch <= 0) throw new Fault('INVALID_INPUT', `order ${order.id} carries no lease epoch`)
  if (!(order.notAfterMs > 0)) throw new Fault('INVALID_INPUT', `order ${order.id} has no not-after`)
}

const namePattern = /^[a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?$/
const versionPattern = /^[A-Za-z0-9][A-Za-z0-9.+:~-]*$/

/** Names and versions go to apt as arguments: nothing that could be read as an option or a pattern. */
export function requireManifest(order: OrderRequest, manifest: readonly PackageVersion[]): void {
  for (const { name, version } of manifest) {
    if (!namePattern.test(name) || !versionPattern.test(version)) {
      throw new Fault('INVALID_INPUT', `${JSON.stringify(`${name}=${version}`.slice(0, 200))} is no package and version`)
    }
  }
  if (new Set(manifest.map(({ name }) => name)).size !== manifest.length) throw new Fault('INVALID_INPUT', 'the manifest names a package twice')
  if (manifest.length > 0 && order.manifestHash !== manifestHash(manifest)) {
    throw new Fault('INVALID_INPUT', `the manifest of order ${order.id} does not have the hash that the order names`)
  }
}

/** Refused when a higher epoch was seen; equal and higher pass. */
export function requireEpoch(epoch: number, highest: number): void {
  if (epoch !== 0 && epoch < highest) throw new Fault('STALE_EPOCH', `epoch ${epoch} is over: this agent has seen epoch ${highest}`)
}

export function requireSameContent(files: OrderFiles, digest: string): void {
  if (files.accepted !== undefined && files.accepted.digest !== digest) {
    throw new Fault('ORDER_REUSED', `order ${files.id} was accepted before with other content`)
  }
}

/** One at a time. @param open orders that are running or in doubt, apart from the one asked about. */
export function requireIdle(id: string, open: readonly { readonly id: string, readonly step: Step }[]): void {
  const other = open.find((each) => each.id !== id)
  if (other !== undefined) throw new Fault('ORDER_RUNNING', `${other.step} ${other.id} is being carried out`)
}

/** Reboot only: the boot that it ends, and once per plan unless a person raised the attempt. */
export function rebootReasons(order: OrderRequest, bootId: string, known: readonly OrderFiles[]): readonly Reason[] {
  const reasons: Reason[] = []
  if (order.bootId !== bootId) reasons.push(reason('OTHER_BOOT', `order ${order.id} ends boot ${order.bootId || '(none)'}; this is boot ${bootId}`))
  const earlier = known.find((files) => files.id !== order.id && files.accepted?.step === 'reboot' && files.accepted.planHash === order.planHash
    && files.decision?.kind === 'begun' && files.outcome?.status !== 'vetoed' && attemptOf(files.id) >= attemptOf(order.id))
  if (earlier !== undefined) reasons.push(reason('ALREADY_REBOOTED', `${earlier.id} was this node's reboot in this plan`))
  return reasons
}
