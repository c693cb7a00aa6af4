// `serve`: builds the agent, listens, says ready to systemd, reports back after a boot, and ends cleanly on SIGTERM.
// A list of releasers, run backwards; nothing here decides.
import { setTimeout as sleep } from 'node:timers/promises'
import { coordinatorRpc } from './adapters/coordinator-rpc.ts'
import { OrderStore } from './adapters/order-store.ts'
import { serviceNotifier } from './adapters/service-notifier.ts'
import { recordBoot } from './boot-record.ts'
import type { Settings } from './config.ts'
import { buildServer } from './grpc/server.ts'
import { HealthWatcher } from './health/health-watcher.ts'
import { buildHost } from './host.ts'
import { Keeper } from './obligations/keeper.ts'
import { inDoubt, OrderDesk } from './orders/order-desk.ts'
import type { Clock, Logger } from './ports.ts'
import { announce } from './readiness.ts'
import { systemClock } from './system-clock.ts'

export interface RunningAgent {
  readonly port: number
  readonly close: () => Promise<void>
}

export async function startAgent(settings: Settings, log: Logger, options: { clock?: Clock, random?: () => number } = {}): Promise<RunningAgent> {
  const clock = options.clock ?? systemClock
  const host = buildHost(settings.host, clock)
  const store = new OrderStore(settings.state)
  const desk = new OrderDesk({ self: { fleet: settings.fleet, node: settings.node, state: settings.state }, host, store, clock, log })
  // Before anything is answered: which boot this is, and what it makes of the orders before it.
  // Beside an order that cannot be told nothing is made of it: that is done once, and would be wrong for ever.
  const damage = desk.damage()
  for (const { text, hint } of damage) log.error({ hint }, text)
  const boot = damage.length > 0 ? undefined : recordBoot(store, host.files.bootId(), clock.now(), clock.now() - host.files.uptimeMs())
  const watcher = new HealthWatcher(host, store, clock, log)
  const server = buildServer({ desk, watcher, tls: settings.tls, log })
  const port = await server.listen(settings.listen).catch(async (error: unknown) => {
    await server.close()
    host.gitaly.close()
    throw error
  })
  watcher.start()
  const keeper = new Keeper(desk, options.random ?? Math.random)
  keeper.start()
  const stop = new AbortController()
  const link = coordinatorRpc(settings, settings.tls)
  const background = Promise.all([
    settle(desk, log),
    boot === undefined ? undefined : announce({
      boot,
      store,
      watcher,
      link,
      coordinators: settings.coordinators,
      startDeadlineMs: settings.host.gitaly.startDeadlineMs,
      firstDelayMs: settings.report.firstDelayMs,
      maximumDelayMs: settings.report.maximumDelayMs,
      clock,
      random: options.random ?? Math.random,
      pause: async (ms, signal) => { await sleep(ms, undefined, { signal }).catch(() => undefined) },
      log
    }, stop.signal)
  ]).catch((error: unknown) => { log.error({ error: String(error) }, 'work in the background failed') })
  const notifier = serviceNotifier({ run: host.run, stateDirectory: settings.state, log, environment: process.env })
  await notifier.ready()
  log.info({ node: settings.node, fleet: settings.fleet, port, boot: host.files.bootId(), order: boot?.orderId, epoch: store.highestEpoch() }, 'agent ready')
  return {
    port,
    close: async () => {
      stop.abort()
      notifier.close()
      watcher.close()
      await keeper.close()
      await server.close()
      link.close()
      host.gitaly.close()
      await background
    }
  }
}

/** Orders that this boot or a vanished unit has decided are settled at once, not only when somebody asks. */
async function settle(desk: OrderDesk, log: Logger): Promise<void> {
  for (const id of desk.store.ids()) {
    const view = await desk.view(id).catch((error: unknown) => inDoubt(id, error))
    if (view?.status === 'in-doubt') log.warn({ order: id, reasons: view.reasons }, 'order in doubt')
  }
}
