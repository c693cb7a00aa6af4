// Talks to the agents over gRPC with mutual TLS. One channel per node, kept; no transparent retries: a lost mutating call
// must stay visible as a doubt.
import { readFileSync, statSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { AgentService, type AgentServiceClient, type wire } from '@pitstop/proto'
import { Fault } from '@pitstop/shared/fault'
import { identityFromAltNames } from '@pitstop/shared/identity'
import type { PlanNode } from '../../domain/plan.ts'
import type { HostView, OrderView } from '../../domain/observed.ts'
import type { Agents, OrderPayload } from '../../ports.ts'
import { agentFault } from './agent-fault.ts'
import { Connections, connectionOptions } from './connections.ts'
import { gitalyProbe } from './gitaly-probe.ts'
import { requirePlausibleEpoch, toHost, toOrder, toVerdict } from './wire-answers.ts'

export interface AgentsSettings {
  readonly fleet: string
  readonly tls: { readonly certificate: string, readonly key: string, readonly authority: string }
  readonly gitalyTokenFile?: string | undefined
  /** Whom the coordinator believes at a tls:// address; undefined = the system's authorities. */
  readonly gitalyAuthority?: string | undefined
}

/** Ms that a read may take. Short: a host that is down is asked every second. */
const readDeadlineMs = 5000
/** Ms for an order to be accepted; what it starts goes on without the call. */
const acceptDeadlineMs = 15_000

const channelOptions: grpc.ChannelOptions = {
  ...connectionOptions,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_receive_message_length': 4 << 20
}

export function createAgents(settings: AgentsSettings): Agents {
  const connections = new Connections<AgentServiceClient>()
  const looks = new Map<string, Set<grpc.ClientUnaryCall>>()
  const probe = gitalyProbe({ tokenFile: settings.gitalyTokenFile, authority: settings.gitalyAuthority })

  let credentialsRead = ''

  async function reach(planNode: PlanNode): Promise<AgentServiceClient> {
    const { node, address } = planNode
    // A renewed certificate needs no restart: the next call opens new channels with it.
    const present = Object.values(settings.tls).map((path) => statSync(path).mtimeMs).join(' ')
    if (present !== credentialsRead) {
      connections.close()
      credentialsRead = present
    }
    try {
      return await connections.reach(address, () => new AgentService(address, credentials(settings, node), { ...channelOptions, 'grpc.ssl_target_name_override': node, 'grpc.default_authority': node }))
    } catch (error) {
      throw new Fault('AGENT_UNREACHABLE', `the agent of ${node} cannot be reached: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }

  type Method<Q, A> = (client: AgentServiceClient) => (request: Q, options: grpc.CallOptions, done: grpc.requestCallback<A>) => grpc.ClientUnaryCall

  async function unary<Q, A>(node: PlanNode, name: string, deadlineMs: number, method: Method<Q, A>, request: Q): Promise<A> {
    const client = await reach(node)
    return await new Promise((resolve, reject) => {
      const call = method(client).call(client, request, { deadline: Date.now() + deadlineMs }, (error, answer) => {
        looks.get(node.node)?.delete(call)
        // A connection over which nothing comes may be to a boot that is over.
        if (error?.code === grpc.status.DEADLINE_EXCEEDED) connections.drop(node.address)
        if (error !== null) reject(agentFault(node.node, name, error))
        else if (answer === undefined) reject(new Fault('AGENT_ANSWER_INVALID', `${name} of ${node.node} answered nothing`))
        else resolve(answer)
      })
      if (name === 'Health') looks.set(node.node, (looks.get(node.node) ?? new Set()).add(call))
    })
  }

  function streamed(node: PlanNode, name: string, call: grpc.ClientReadableStream<wire.StageProgress__Output>, progress: (percent: number, text: string) => void): Promise<OrderView> {
    return new Promise((resolve, reject) => {
      let outcome: OrderView | null = null
      call.on('data', (message: wire.StageProgress__Output) => {
        if (message.outcome !== undefined && message.outcome !== null) outcome = toOrder(message.outcome)
        else if (message.progress !== undefined && message.progress !== null) progress(message.progress.percent, message.progress.text)
      })
      call.on('error', (error) => { reject(agentFault(node.node, name, error)) })
      call.on('end', () => {
        if (outcome === null) reject(new Fault('AGENT_UNREACHABLE', `${name} of ${node.node} ended without saying what became of it`))
        else resolve(outcome)
      })
    })
  }

  async function describe(node: PlanNode, epoch: number, orderIds: readonly string[]): Promise<HostView> {
    const sent = Date.now()
    const answer = await unary<wire.DescribeRequest, wire.DescribeResponse__Output>(node, 'Describe', readDeadlineMs, (client) => client.Describe, { epoch, order_ids: [...orderIds], storages: [...node.storages] })
    if (answer.node !== node.node || answer.fleet !== settings.fleet) {
      throw new Fault('WRONG_NODE', `${node.address} is ${answer.node} of fleet ${answer.fleet}, not ${node.node} of ${settings.fleet}`)
    }
    requirePlausibleEpoch(node.node, answer.highest_epoch, epoch)
    return toHost(answer, (sent + Date.now()) / 2)
  }

  /** A refusal of our epoch ends our acting for the whole fleet: from an agent whose own epoch is not to be believed it is that agent's fault alone. */
  async function believed<T>(node: PlanNode, epoch: number, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'STALE_EPOCH' && epoch > 0)) throw error
      const seen = await unary<wire.DescribeRequest, wire.DescribeResponse__Output>(node, 'Describe', readDeadlineMs, (client) => client.Describe, { epoch: 0, order_ids: [], storages: [] }).catch(() => null)
      if (seen !== null) requirePlausibleEpoch(node.node, seen.highest_epoch, epoch)
      throw error
    }
  }

  return {
    reach: async (node) => { await reach(node) },

    describe: (node, epoch, orderIds) => believed(node, epoch, () => describe(node, epoch, orderIds)),

    order: (node, payload, progress) => believed(node, payload.epoch, async () => {
      const client = await reach(node)
      const order = toWireOrder(payload)
      const manifest = [...payload.manifest]
      switch (payload.order.step) {
        case 'stage': return streamed(node, 'Stage', client.Stage({ order, manifest }, { deadline: Date.now() + payload.deadlineMs }), progress)
        case 'upgrade': return streamed(node, 'Upgrade', client.Upgrade({ order, manifest }, { deadline: Date.now() + payload.deadlineMs }), progress)
        case 'reboot': {
          const request = { order, delay_ms: payload.delayMs, reason: payload.reason, storages: [...node.storages] }
          const { state } = await unary<wire.ScheduleRebootRequest, wire.ScheduleRebootResponse__Output>(node, 'ScheduleReboot', acceptDeadlineMs, (each) => each.ScheduleReboot, request)
          if (state === null) throw new Fault('AGENT_ANSWER_INVALID', `ScheduleReboot of ${node.node} answered without a state`)
          return toOrder(state)
        }
        default: return payload.order.step satisfies never
      }
    }),

    cancelReboot: (node, payload, rebootOrderId) => believed(node, payload.epoch, async () => {
      const request = { order: toWireOrder(payload), reboot_order_id: rebootOrderId, reason: payload.reason }
      const { result, reboot } = await unary<wire.CancelRebootRequest, wire.CancelRebootResponse__Output>(node, 'CancelReboot', acceptDeadlineMs, (client) => client.CancelReboot, request)
      const order = reboot === null ? null : toOrder(reboot)
      if (result === 'CANCEL_RESULT_CANCELLED') return { result: 'cancelled', order }
      if (result === 'CANCEL_RESULT_NOT_FOUND') return { result: 'not-found', order }
      // Anything that is not understood is treated as gone too far: the node is then finished and validated.
      return { result: 'too-late', order }
    }),

    health: (node, epoch, rebootOrderId, sinceLastStart) => believed(node, epoch, async () => {
      const request = { epoch, storages: [...node.storages], reboot_order_id: rebootOrderId, since_last_start: sinceLastStart }
      const { verdict } = await unary<wire.HealthRequest, wire.HealthResponse__Output>(node, 'Health', readDeadlineMs, (client) => client.Health, request)
      if (verdict === null) throw new Fault('AGENT_ANSWER_INVALID', `Health of ${node.node} answered without a verdict`)
      return toVerdict(verdict)
    }),

    async probeGitaly(node) {
      if (node.gitaly === '') return null
      // Of a host that does not answer at all nothing is asked: that would wait, and would be late when it is back.
      const silent = await reach(node).then(() => null, (error: unknown) => (error instanceof Error ? error.message : String(error)))
      return silent === null ? await probe.ask(node.gitaly) : { serving: false, text: `Gitaly was not asked: ${silent}` }
    },

    reconnect(node) {
      connections.drop(node.address)
      for (const call of looks.get(node.node) ?? []) call.cancel()
    },

    close() {
      connections.close()
      probe.close()
    }
  }
}

function credentials({ tls, fleet }: AgentsSettings, node: string): grpc.ChannelCredentials {
  const verify = (_host: string, certificate: { subjectaltname?: string | undefined }): Error | undefined => {
    const shown = identityFromAltNames(certificate.subjectaltname)
    if (shown?.role === 'agent' && shown.fleet === fleet && shown.name === node) return undefined
    return new Fault('WRONG_NODE', `the certificate shown is for ${shown === undefined ? 'nobody' : `${shown.role} ${shown.name} of fleet ${shown.fleet}`}, not for agent ${node} of fleet ${fleet}`)
  }
  return grpc.credentials.createSsl(readFileSync(tls.authority), readFileSync(tls.key), readFileSync(tls.certificate), {
    checkServerIdentity: (host, certificate) => verify(host, certificate)
  })
}

const toWireOrder = ({ order, epoch, fleet, planHash }: OrderPayload): wire.Order => ({
  id: order.id, fleet, node: order.node, plan_hash: planHash, manifest_hash: order.manifestHash, epoch,
  not_before_ms: order.notBefore, not_after_ms: order.notAfter, boot_id: order.bootId
})
