// `unit upgrade|reboot ORDER`: the bodies of the transient units by hand, with the configuration of now.
import type { Settings } from '../config.ts'
import { reboot } from '../units/reboot.ts'
import { unitContext } from '../units/unit-context.ts'
import { upgrade } from '../units/upgrade.ts'

export async function runUnit(settings: Settings, step: 'upgrade' | 'reboot', order: string): Promise<void> {
  const context = unitContext(settings.state, order, settings.host)
  await (step === 'reboot' ? reboot(context) : upgrade(context))
}
