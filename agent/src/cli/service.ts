// Entry of pitstop-agent.service in the package: `pitstop-agent serve` without the other verbs and the parser of their
// arguments, which the service would carry with it as long as it runs. node service.mjs [CONFIGURATION]
import { flushCompileCache } from 'node:module'
import { asFault } from '@pitstop/shared/fault'
import { defaultConfigurationFile, loadSettings } from '../config.ts'
import { serve } from './serve.ts'

/** Once it is quiet, not at the end: that may be a kill, or a shutdown that somebody waits for. */
const flushAfterMs = 10_000
setTimeout(() => { flushCompileCache() }, flushAfterMs).unref()

try {
  await serve(loadSettings(process.argv[2] ?? defaultConfigurationFile))
} catch (thrown) {
  const fault = asFault(thrown)
  process.stderr.write(`${fault.message}\n${fault.hint === '' ? '' : `  ${fault.hint}\n`}`)
  // At once: whatever half a start has left open would keep systemd waiting for a "ready" that never comes.
  process.exit(fault.code === 'INVALID_CONFIGURATION' ? 2 : 1)
}
