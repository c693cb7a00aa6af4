// Alertmanager in memory: alerts of anything at all, and of hosts whose Gitaly is down, as monitoring sees them from outside. It
// matches nothing itself: every alert here is one that closes the gate. Readings may fail.
import type { Alerts } from '@pitstop/coordinator/ports'
import { Fault } from '@pitstop/shared/fault'
import type { History, What } from './history.ts'
import type { SimulatedHost } from './simulated-host.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** silent: no answer until the question is given up. */
export type ReadingGoes = 'well' | 'error' | 'silent'

interface Firing { readonly id: number, readonly name: string, readonly node: string | null, readonly since: number }

const givenUpAfterMs = 2500

export class SimulatedAlerts {
  goes: () => ReadingGoes = () => 'well'
  readMs = 6
  /** Told when a reading has shown an alert for the first time. */
  onShown: (id: number) => void = () => undefined
  #started = 0
  readonly #firing = new Map<number, Firing>()
  readonly #shown = new Set<number>()
  /** Alerts of hosts that are down, and how long after Gitaly serves again they end. */
  readonly #watched = new Map<SimulatedHost, { readonly endsAfterMs: number, id: number | null }>()
  readonly #clock: VirtualClock
  readonly #history: History

  constructor(clock: VirtualClock, history: History) {
    this.#clock = clock
    this.#history = history
  }

  /** @param node null: it is about no node. */
  start(name: string, node: string | null = null): number {
    const id = ++this.#started
    this.#firing.set(id, { id, name, node, since: this.#clock.now() })
    this.#tell({ what: 'alert-started', alert: id, name, node })
    return id
  }

  end(id: number): void {
    if (this.#firing.delete(id)) this.#tell({ what: 'alert-ended', alert: id })
  }

  /** From now on an alert fires whenever this host's Gitaly is down. */
  watch(host: SimulatedHost, endsAfterMs: number): void { this.#watched.set(host, { endsAfterMs, id: null }) }

  port(by: string): Alerts {
    return {
      firing: async () => {
        const asked = this.#clock.now()
        const goes = this.goes()
        await this.#clock.sleep(goes === 'silent' ? givenUpAfterMs : this.readMs)
        if (goes !== 'well') {
          this.#tell({ what: 'alerts-failed', by })
          throw new Fault('ALERTS_UNREACHABLE', goes === 'silent' ? 'Alertmanager gave no answer within 2.5s' : 'Alertmanager answered 502')
        }
        this.#lookAtHosts()
        const firing = [...this.#firing.values()]
        this.#tell({ what: 'alerts-read', by, asked, alerts: firing.map(({ id }) => id) })
        for (const { id } of firing) if (!this.#shown.has(id) && this.#shown.add(id)) this.onShown(id)
        return firing.map(({ name, node, since }) => ({ gate: 'gitaly', name, node, since }))
      },
      // For people at preflight; no part of what is proven here.
      survey: async () => {
        const named = [...this.#firing.values()].flatMap(({ node }) => (node === null ? [] : [node]))
        return { alerts: this.#firing.size, nodeLabel: 'fqdn', withNode: named.length, nodes: [...new Set(named)], labels: ['alertname', 'fqdn'], gates: [{ gate: 'gitaly', alerts: this.#firing.size, absent: [] }] }
      },
      close: async () => undefined
    }
  }

  /** Rules are evaluated when somebody asks: what nobody saw in between does not matter. */
  #lookAtHosts(): void {
    const now = this.#clock.now()
    for (const [host, rule] of this.#watched) {
      if (!host.serves) rule.id ??= this.start('GitalyServerDown', host.node)
      else if (rule.id !== null && now - host.servingSince >= rule.endsAfterMs) {
        this.end(rule.id)
        rule.id = null
      }
    }
  }

  #tell(what: What): void { this.#history.add({ at: this.#clock.now(), ...what }) }
}
