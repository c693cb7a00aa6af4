// Entry of the transient unit of a reboot order: node reboot-unit.ts STATE-DIRECTORY ORDER [MS]. With MS it was started
// ahead of its order and waits so long for it to be accepted. Nothing heavy may be
// imported from here (no grpc, pino, valibot, yaml, systeminformation): every millisecond delays the window.
import { accepted } from './accepted.ts'
import { reboot } from './reboot.ts'
import { unitContext } from './unit-context.ts'

const [stateDirectory = '', id = '', waitMs = '0'] = process.argv.slice(2)
// Without an order it only loads itself: so the agent fills the compile cache ahead of the window.
if (id !== '') {
  const context = unitContext(stateDirectory, id)
  if (await accepted(context, Number(waitMs))) await reboot(context)
}
