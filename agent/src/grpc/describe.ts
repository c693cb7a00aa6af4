// Describe: who and what the host is. Cheap, probes side by side, never blocked by a running order. A probe without an
// answer leaves its field empty; only what settles a doubt (epoch, orders, boot id) may fail the call.
import { readFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { protocolRange, type wire } from '@pitstop/proto'
import { Fault } from '@pitstop/shared/fault'
import { mostOrdersAsked } from '@pitstop/shared/order-id'
import { release } from '@pitstop/shared/release'
import { known, knownNow } from '../adapters/host-checks.ts'
import { hostFacts, type ImmutableFacts } from '../adapters/host-facts.ts'
import { observing } from '../domain/observing.ts'
import { ObligationStore } from '../adapters/obligation-store.ts'
import { isKnown, vetoes } from '../domain/veto.ts'
import { inDoubt, type OrderDesk } from '../orders/order-desk.ts'
import { resolve } from '../orders/resolve-packages.ts'
import { obligationsToWire } from './wire-obligation.ts'
import { serviceToWire, storageToWire } from './wire-health.ts'
import { changesToWire, orderStateToWire, reasonsToWire } from './wire-order.ts'

export function describe(desk: OrderDesk, certificateFile: string): (request: wire.DescribeRequest__Output) => Promise<wire.DescribeResponse> {
  const immutable: () => Promise<ImmutableFacts> = hostFacts(desk.host)
  return async (request) => {
    if (request.order_ids.length > mostOrdersAsked) throw new Fault('INVALID_INPUT', `${request.order_ids.length} order ids are asked about; at most ${mostOrdersAsked} are answered`, { hint: 'ask in several calls' })
    desk.acknowledgeEpoch(request.epoch)
    const { host, clock, self, store } = desk
    const bootId = host.files.bootId()
    const [facts, info, about, requestsInFlight, running, pending, views, need] = await Promise.all([
      host.facts(),
      host.gitaly.serverInfo(),
      known(immutable),
      host.requestsInFlight(),
      desk.running(),
      request.include_pending_updates ? known(() => resolve(desk, [], 'host')) : undefined,
      Promise.all([...new Set(request.order_ids)].map((id) => desk.view(id).catch((error: unknown) => inDoubt(id, error)))),
      // needrestart makes the host work: only who asks for the updates too waits for it.
      request.include_pending_updates ? host.rebootNeeds.ask() : host.rebootNeeds.remembered()
    ])
    const unpaid = knownNow(() => obligationsToWire(new ObligationStore(self.state)))
    const current = running[0]
    const storages = isKnown(info) ? info.value.storages : []
    return {
      fleet: self.fleet,
      node: self.node,
      agent_version: release,
      protocol_min: protocolRange.min,
      protocol_max: protocolRange.max,
      os_id: isKnown(about) ? about.value.osId : '',
      os_version: isKnown(about) ? about.value.osVersion : '',
      architecture: isKnown(about) ? about.value.architecture : '',
      kernel: host.files.kernel(),
      boot_id: bootId,
      uptime_ms: host.files.uptimeMs(),
      now_ms: clock.now(),
      services: isKnown(facts.service) ? [serviceToWire(facts.service.value)] : [],
      pending_updates: pending !== undefined && isKnown(pending) ? changesToWire(pending.value.changes) : [],
      reboot_required: need.required,
      reboot_required_because: [...need.because],
      current_order: current === undefined ? null : orderStateToWire(current.view, current.step, bootId),
      orders: views.flatMap((view) => view === undefined ? [] : [orderStateToWire(view, 'reboot', bootId)]),
      highest_epoch: store.highestEpoch(),
      vetoes: reasonsToWire([...observing(host.settings.mode, self.state), ...desk.damage(), ...vetoes('reboot', facts)]),
      storages: storages.filter(({ name }) => request.storages.length === 0 || request.storages.includes(name)).map(storageToWire),
      obligations: isKnown(unpaid) ? unpaid.value : [],
      gitaly_version: isKnown(info) ? info.value.version : '',
      requests_in_flight: requestsInFlight,
      certificate_expires_at_ms: certificateEnd(certificateFile),
      before_reboot_hooks_ms: host.hooks.read('before-reboot').hooks.length * host.settings.hooks.deadlineMs,
      latest_order: desk.latest === undefined ? null : { id: desk.latest.id, step: desk.latest.step, plan_hash: desk.latest.planHash }
    }
  }
}

/** 0 = not readable; the TLS server would not have come up with such a file, but it may have been replaced since. */
function certificateEnd(file: string): number {
  try { return new X509Certificate(readFileSync(file)).validToDate.getTime() } catch { return 0 }
}
