// Entry of the transient unit of an upgrade order: node upgrade-unit.ts STATE-DIRECTORY ORDER.
// Imports nothing of the agent's servers: it must outlive the agent's own replacement.
import { unitContext } from './unit-context.ts'
import { upgrade } from './upgrade.ts'

const [stateDirectory = '', id = ''] = process.argv.slice(2)
await upgrade(unitContext(stateDirectory, id))
