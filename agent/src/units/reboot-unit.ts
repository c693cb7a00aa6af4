// Entry of the transient unit of a reboot order: node reboot-unit.ts STATE-DIRECTORY ORDER [MS | ended]. With MS it was
// started ahead of its order and waits so long for it to be accepted; with "ended" it is what systemd runs behind the
// unit's end. Nothing heavy may be imported from here (no grpc, pino, valibot, yaml, systeminformation): every
// millisecond delays the window.
import { accepted } from './accepted.ts'
import { reboot } from './reboot.ts'
import { unitContext } from './unit-context.ts'
import { unitEnded } from './unit-ended.ts'

const [stateDirectory = '', id = '', mode = '0'] = process.argv.slice(2)
const { SERVICE_RESULT: result = '', EXIT_CODE: code = '', EXIT_STATUS: status = '' } = process.env
// Without an order it only loads itself: so the agent fills the compile cache ahead of the window.
if (id !== '') {
  const context = unitContext(stateDirectory, id)
  if (mode === 'ended') await unitEnded(context, { result, code, status })
  else if (await accepted(context, Number(mode))) {
    await reboot(context)
    // At once: a question that is still under way must not hold up the shutdown.
    process.exit(0)
  }
}
