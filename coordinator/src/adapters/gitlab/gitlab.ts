// GitLab over HTTP: puts the port together from the errands beside it. GitLab and the assigner's GitLab may be two
// instances with two tokens. Nothing is connected before the first call; close() leaves nothing open.
import { Fault } from '@pitstop/shared/fault'
import { cancelPipeline, livePipelines, readSchedule, setScheduleActive } from './assigner.ts'
import type { AssignerSettings, GitLabSettings } from './gitlab-section.ts'
import { readMoves } from './moves.ts'
import type { GitLab } from './port.ts'
import { checkRights } from './rights.ts'
import { createTransport, type Transport } from './transport.ts'
import { createWeightWriter, readWeights } from './weights.ts'

export function createGitLab(settings: GitLabSettings): GitLab {
  const transport = createTransport(settings, settings.requestTimeoutMs)
  const assigner = settings.assigner === undefined
    ? undefined
    : { settings: settings.assigner, transport: createTransport(settings.assigner, settings.requestTimeoutMs) }
  const writeWeights = createWeightWriter(transport)

  const withAssigner = async <T>(act: (transport: Transport, settings: AssignerSettings) => Promise<T>): Promise<T> => {
    if (assigner === undefined) throw new Fault('NOT_FOUND', 'This fleet has no weight assigner', { hint: 'if it has one, add gitlab.assigner to the configuration' })
    return await act(assigner.transport, assigner.settings)
  }
  const moves = (): ReturnType<typeof readMoves> => readMoves(transport, Date.now())

  return {
    requestTimeoutMs: settings.requestTimeoutMs,
    hasAssigner: assigner !== undefined,
    readWeights: () => readWeights(transport),
    writeWeights,
    readSchedule: () => withAssigner(readSchedule),
    setScheduleActive: (active) => withAssigner((to, of) => setScheduleActive(to, of, active)),
    livePipelines: () => withAssigner(livePipelines),
    cancelPipeline: (id) => withAssigner((to, of) => cancelPipeline(to, of, id)),
    storageMoves: async () => settings.moves ? await moves() : undefined,
    checkRights: (notExpiringBefore) => checkRights(transport, assigner, settings.moves ? moves : undefined, notExpiringBefore),
    async close() {
      await Promise.all([transport.close(), assigner?.transport.close()])
    }
  }
}
