// Entry of the transient unit of a reboot order: node reboot-unit.ts STATE-DIRECTORY ORDER. Nothing heavy may be
// imported from here (no grpc, pino, valibot, yaml, systeminformation): every millisecond delays the window.
import { reboot } from './reboot.ts'
import { unitContext } from './unit-context.ts'

const [stateDirectory = '', id = ''] = process.argv.slice(2)
// Without an order it only loads itself: so the agent fills the compile cache ahead of the window.
if (id !== '') await reboot(unitContext(stateDirectory, id))
