// Repository moves between storages that are not over. GitLab lists all moves ever made, newest first, and filters
// nothing: so pages are read until a whole day is seen. A move older than that counts as dead.
import { believe, movesAnswer } from './answers.ts'
import { GitLabFault } from './gitlab-fault.ts'
import type { StorageMove } from './port.ts'
import type { Transport } from './transport.ts'

/** "replicated" is not over: the source is still to be deleted. A state unknown here is not over either. */
const over = new Set(['finished', 'failed', 'cleanup failed', 'cleanup_failed'])
const lookBackMs = 86_400_000
/** 10 000 moves a day and kind: with more, whoever moves them has to pause anyway. */
const mostPages = 100

export async function readMoves(transport: Transport, now: number): Promise<readonly StorageMove[]> {
  const moves: StorageMove[] = []
  for (const kind of ['project', 'snippet', 'group'] as const) moves.push(...await readKind(transport, kind, now))
  return moves
}

async function readKind(transport: Transport, kind: 'project' | 'snippet' | 'group', now: number): Promise<StorageMove[]> {
  const doing = `reading the repository moves (${kind}s)`
  const moves: StorageMove[] = []
  for (let page = 1; page <= mostPages; page++) {
    const answer = await transport.get(doing, `/${kind}_repository_storage_moves?per_page=100&page=${page}`).catch((thrown: unknown) => {
      // Groups have repositories in the enterprise edition alone.
      if (kind === 'group' && thrown instanceof GitLabFault && thrown.status === 404) return undefined
      throw thrown
    })
    if (answer === undefined) return moves
    const rows = believe(movesAnswer, answer.body, doing)
    for (const row of rows) {
      if (!over.has(row.state)) moves.push({ source: row.source_storage_name, destination: row.destination_storage_name, state: row.state })
    }
    const oldest = rows.at(-1)?.created_at ?? 0
    if (rows.length < 100 || oldest < now - lookBackMs) return moves
  }
  throw new GitLabFault('GITLAB_ANSWER_INVALID', `More than ${mostPages * 100} repository moves (${kind}s) within a day: whether one still runs cannot be seen`, { hint: 'pause gitalyctl or the balancer, or turn "moves" off in the configuration' })
}
