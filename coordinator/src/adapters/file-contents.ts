// What the files that the configuration names hold, where a wrong one would be found out only in the middle of a window. A check
// refuses every wrong one. A start refuses those without which it could do nothing; Alertmanager and a look at Gitaly from outside can
// be done without, and who is started again in mid-window has weights to put back. Opens nothing for writing.
import { Fault, type Reason } from '@pitstop/shared/fault'
import type { Settings } from '../config.ts'
import { authorityProblem } from './authority-file.ts'
import { certificateProblems } from './own-certificate.ts'
import { isPostgres, postgresTls } from './store/postgres-address.ts'
import { placeProblem } from './store/store-place.ts'

/** @param now epoch ms. @param more what else is wrong. @throws Fault CERTIFICATE_INVALID, INVALID_CONFIGURATION, PERMISSION_DENIED, STORE_UNAVAILABLE with every problem at once. */
export async function refuseUnusable(settings: Settings, now: number, more: readonly Reason[] = []): Promise<void> {
  const { store } = settings
  const own = await certificateProblems(settings, now)
  const place = isPostgres(store) ? authority('sslrootcert in store', postgresTls(store)?.authority) : [placeProblem(store) ?? []].flat()
  const problems = [...own, ...place, ...more]
  const [first] = problems
  if (first === undefined) return
  throw new Fault(own.length > 0 ? 'CERTIFICATE_INVALID' : first.code, problems.map(({ text }) => text).join('; '), { reasons: problems, hint: first.hint })
}

/** Nobody who shows a certificate is believed there until it is mended: gates on alerts stay closed, a node is not seen from outside. */
export const peerProblems = ({ alerts, gitalyAuthority }: Settings): readonly Reason[] =>
  [...authority('alerts.ca-file', alerts?.authority), ...authority('gitaly-authority', gitalyAuthority)]

const authority = (key: string, path: string | undefined): readonly Reason[] => (path === undefined ? [] : [authorityProblem(key, path) ?? []].flat())
