// The digest by which the agent recognises an order that it has seen. Left out on purpose: epoch, not-before and
// not-after (a successor sends the same order under its own), delay and reason (they change no effect).
import { canonicalJson, sha256 } from '@pitstop/shared/digest'
import type { PackageVersion } from './apt-plan.ts'
import type { OrderRequest } from './order-admission.ts'

export const orderDigest = (step: string, order: OrderRequest, packages: readonly PackageVersion[], storages: readonly string[]): string =>
  sha256(canonicalJson({
    step,
    id: order.id,
    fleet: order.fleet,
    node: order.node,
    plan: order.planHash,
    manifest: order.manifestHash,
    boot: order.bootId,
    packages: packages.map(({ name, version }) => `${name}=${version}`).sort(),
    storages: [...storages].sort()
  }))
