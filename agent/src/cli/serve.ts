// `serve`: one JSON log stream on stderr, the agent until SIGTERM or SIGINT.
import { jsonLog } from '../adapters/json-log.ts'
import type { Settings } from '../config.ts'
import { startAgent } from '../main.ts'

export async function serve(settings: Settings): Promise<void> {
  const log = jsonLog()
  // The host's orders must not hang on one forgotten rejection; it is loud instead.
  process.on('unhandledRejection', (error) => { log.error({ error: String(error) }, 'unhandled rejection') })
  const agent = await startAgent(settings, log)
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
  log.info({}, 'stopping')
  await agent.close()
  log.info({}, 'stopped')
  process.exit(0)
}
