// `after-ready`: runs the hooks of after-ready once more, after a person has mended why they failed. What they say then is
// this boot's verdict. Works without agent and coordinator.
import { Fault } from '@pitstop/shared/fault'
import { OrderStore } from '../adapters/order-store.ts'
import type { Settings } from '../config.ts'
import { buildHost } from '../host.ts'
import { AfterReady } from '../hooks/after-ready.ts'
import type { Logger } from '../ports.ts'
import { systemClock } from '../system-clock.ts'
import { printReasons } from './print-reasons.ts'

const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined }

export async function afterReady(settings: Settings): Promise<number> {
  const host = buildHost(settings.host, systemClock)
  host.gitaly.close()
  const store = new OrderStore(settings.state)
  const bootId = host.files.bootId()
  const boot = store.lastBoot()
  const files = boot?.bootId === bootId && boot.orderId !== '' ? store.read(boot.orderId) : undefined
  if (files?.accepted === undefined) throw new Fault('NOT_NOW', 'no order of pitstop caused this boot: there is nothing to run hooks for', { hint: 'see pitstop-agent status' })
  const { problems } = host.hooks.read('after-ready')
  if (problems.length > 0) { printReasons(problems); return 1 }
  const { hooks, ran, reasons } = await new AfterReady(host, store, systemClock, quiet, () => undefined, host.run).run(files.accepted, bootId)
  if (hooks === 'passed') process.stdout.write(`${ran.length === 0 ? 'there is no hook' : `done: ${ran.join(', ')}`}\n`)
  else printReasons(reasons)
  return hooks === 'passed' ? 0 : 1
}
