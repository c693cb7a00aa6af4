// Pays one promise, whoever does it: the unit that made it, the keeper, a person. Paying twice does no harm. A hook's undo
// runs as root like its hook, so it is trusted on the same terms. Imports nothing heavy: units use it.
import { asFault, chain } from '@pitstop/shared/fault'
import { formatDuration } from '@pitstop/shared/duration'
import type { Hooks } from '../adapters/hooks.ts'
import type { ObligationStore } from '../adapters/obligation-store.ts'
import { lastLines } from '../domain/apt-output.ts'
import { inReverse, type Obligation } from '../domain/obligation.ts'
import { typed } from '../domain/typed.ts'
import type { RunCommand } from '../ports.ts'

export interface PayingParts {
  readonly run: RunCommand
  readonly hooks: Pick<Hooks, 'distrusted'>
  readonly promises: ObligationStore
  readonly now: () => number
}

/** Empty = paid, and no promise any more; otherwise what stood in the way, kept beside the promise. Never rejects. */
export async function pay(parts: PayingParts, obligation: Obligation): Promise<string> {
  const { promises, now } = parts
  const text = await carryOut(parts, obligation).catch((error: unknown) => chain(asFault(error)))
  try {
    if (text === '') promises.settle(obligation.id)
    else promises.recordFailure(obligation.id, { atMs: now(), attempts: (promises.failure(obligation.id)?.attempts ?? 0) + 1, text })
  } catch (error) { return [text, chain(asFault(error))].filter((each) => each !== '').join('; ') }
  return text
}

/** One after the other, what was done last first; each is tried, whatever became of the one before. */
export async function payAll(parts: PayingParts, obligations: readonly Obligation[]): Promise<readonly string[]> {
  const failures: string[] = []
  for (const obligation of inReverse(obligations)) {
    const text = await pay(parts, obligation)
    if (text !== '') failures.push(`${obligation.id}: ${text}`)
  }
  return failures
}

async function carryOut({ run, hooks }: PayingParts, { kind, pay, environment, deadlineMs }: Obligation): Promise<string> {
  for (const argv of pay) {
    const [distrusted] = kind === 'hook' ? hooks.distrusted(argv[0]) : []
    if (distrusted !== undefined) return `${distrusted.text}; ${distrusted.hint}`
    const result = await run({ argv, deadlineMs, ...environment === undefined ? {} : { env: environment } })
    const said = lastLines(`${result.stdout}\n${result.stderr}`, 5)
    if (result.timedOut) return `${typed(argv)} did not end within ${formatDuration(deadlineMs)}${said === '' ? '' : `: ${said}`}`
    if (result.code !== 0) return `${typed(argv)} ended with ${result.code ?? result.signal ?? 'a signal'}${said === '' ? '' : `: ${said}`}`
  }
  return ''
}
