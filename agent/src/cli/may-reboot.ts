// `may-reboot ORDER`: the check that the order's unit makes when it fires, for people and for hooks. Changes nothing.
import type { Settings } from '../config.ts'
import { reasonsAgainst, unitContext } from '../units/unit-context.ts'
import { printReasons } from './print-reasons.ts'

export async function mayReboot(settings: Settings, order: string): Promise<number> {
  const reasons = await reasonsAgainst(unitContext(settings.state, order, settings.host))
  if (reasons.length === 0) { process.stdout.write('yes\n'); return 0 }
  printReasons(reasons)
  return 3
}
