// Entry of the transient unit of an upgrade order: node upgrade-unit.ts STATE-DIRECTORY ORDER.
// Imports nothing of the agent's servers: it must outlive the agent's own replacement.
import { unitContext } from './unit-context.ts'
import { upgrade } from './upgrade.ts'

// A host that is shut down meanwhile waits for dpkg (KillMode=process): this process stays to write the outcome.
process.on('SIGTERM', () => { process.stderr.write('told to end; waiting for apt\n') })
const [stateDirectory = '', id = ''] = process.argv.slice(2)
await upgrade(unitContext(stateDirectory, id))
