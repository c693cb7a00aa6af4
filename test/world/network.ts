// Between coordinators and agents: calls take their time, get lost, and break when a host goes down. How they travel is a
// Transit: a steady one for scenarios, weather for the simulator.
import { Fault } from '@pitstop/shared/fault'
import type { Agents } from '@pitstop/coordinator/ports'
import type { History } from './history.ts'
import type { Asker } from './simulated-gitlab.ts'
import type { SimulatedHost } from './simulated-host.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface Call { readonly deadlineMs: number, readonly order?: 'stage' | 'upgrade' | 'reboot' }

export interface Transit {
  /** One call to the host's agent: `deliver` is what happens when the request arrives. @throws Fault AGENT_UNREACHABLE */
  call<T>(host: SimulatedHost, call: Call, deliver: () => T | Promise<T>): Promise<T>
}

const readDeadlineMs = 5000
const acceptDeadlineMs = 15_000

export function agentsOver(transit: Transit, hosts: ReadonlyMap<string, SimulatedHost>, clock: VirtualClock, history: History, asker: Asker & { readonly wallOffMs: () => number }): Agents {
  const by = asker.name
  const hostOf = (node: string): SimulatedHost => {
    const host = hosts.get(node)
    if (host === undefined) throw new Fault('AGENT_UNREACHABLE', node)
    return host
  }
  return {
    reach: async () => undefined,
    describe: async ({ node }, epoch, ids) => {
      const host = hostOf(node)
      const view = await transit.call(host, { deadlineMs: readDeadlineMs }, () => host.agent.describe(epoch, ids))
      for (const id of ids) history.add({ at: clock.now(), what: 'order-answered', by, node, id, asked: 'question' })
      return { ...view, clockOffsetMs: host.clockOffMs - asker.wallOffMs() }
    },
    order: async ({ node }, payload) => {
      const { step, id, manifestHash: manifest } = payload.order
      history.add({ at: clock.now(), what: 'order-sent', by, leased: asker.leased(), node, step, id, epoch: payload.epoch, manifest })
      const host = hostOf(node)
      const answered = (): void => { history.add({ at: clock.now(), what: 'order-answered', by, node, id, asked: 'order' }) }
      const answer = await transit.call(host, { order: step, deadlineMs: step === 'reboot' ? acceptDeadlineMs : payload.deadlineMs }, () => host.agent.order(payload)).catch((error: unknown) => {
        // A refusal is an answer.
        if (!(error instanceof Fault && error.code === 'AGENT_UNREACHABLE')) answered()
        throw error
      })
      answered()
      return answer
    },
    cancelReboot: ({ node }, payload, id) => {
      history.add({ at: clock.now(), what: 'cancel-sent', by, leased: asker.leased(), node, id })
      const host = hostOf(node)
      return transit.call(host, { deadlineMs: acceptDeadlineMs }, () => host.agent.cancel(payload.epoch, id))
    },
    health: ({ node }, epoch, id, since) => {
      const host = hostOf(node)
      return transit.call(host, { deadlineMs: readDeadlineMs }, () => host.agent.health(epoch, id, since))
    },
    probeGitaly: async () => null,
    reconnect: () => undefined,
    close: () => undefined
  }
}

/** 5 ms each way, and only what a scenario asks to be lost is lost. */
export class SteadyTransit implements Transit {
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) { this.#clock = clock }

  async call<T>(host: SimulatedHost, { order }: Call, deliver: () => T | Promise<T>): Promise<T> {
    const lost = order === 'reboot' && takes(host, 'loseOrder')
    if (lost === false) await this.#clock.sleep(5)
    if (!host.agent.reachable || lost === 'request' || takes(host, 'lose', 'request') !== false) {
      await this.#clock.sleep(host.up ? 5000 : 1)
      throw new Fault('AGENT_UNREACHABLE', `the agent of ${host.node} cannot be reached`)
    }
    const answer = await deliver()
    await this.#clock.sleep(lost === 'answer' ? 5000 : 5)
    if (!host.up || lost === 'answer' || takes(host, 'lose', 'answer') !== false) throw new Fault('AGENT_UNREACHABLE', `the answer of ${host.node} was lost`)
    return answer
  }
}

/** A fault that happens once: taken off the host. */
function takes(host: SimulatedHost, fault: 'lose' | 'loseOrder', wanted?: 'request' | 'answer'): 'request' | 'answer' | false {
  const found = host.faults[fault]
  if (found === undefined || (wanted !== undefined && found !== wanted)) return false
  host.faults = { ...host.faults }
  delete host.faults[fault]
  return found
}
