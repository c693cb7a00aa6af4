// `doctor`, the files: identity, state directory, Gitaly's log and token, hooks. Reads only; changes nothing.
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { asFault, chain, type Reason, reason } from '@pitstop/shared/fault'
import { ObligationStore, unreadableHint } from '../adapters/obligation-store.ts'
import { OrderStore } from '../adapters/order-store.ts'
import type { Settings } from '../config.ts'
import { type Finding, fine, inTheWay, toKnow } from '../domain/diagnosis.ts'
import { certificateReasons, certificateText } from '../domain/own-certificate.ts'
import { typed } from '../domain/typed.ts'
import type { Host } from '../host.ts'

const missing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

const because = (error: unknown): string => chain(asFault(error))

export function lookAtIdentity({ fleet, node, tls }: Settings, nowMs: number): readonly Finding[] {
  const texts: Record<string, string> = {}
  const unreadable: Finding[] = []
  for (const [name, path] of Object.entries(tls)) {
    try { texts[name] = readFileSync(path, 'utf8') } catch (error) {
      unreadable.push(inTheWay('identity', reason('CERTIFICATE_INVALID', `tls.${name}: ${missing(error) ? `there is no ${path}` : `${path} cannot be read (${because(error)})`}`,
        name === 'authority' ? 'put the authority.pem of pitstop pki init there' : `make key and request with pitstop-agent init or pitstop pki request; issue at the authority: pitstop pki issue --role agent --name ${node} …`)))
    }
  }
  const expected = { fleet, role: 'agent', name: node } as const
  const files = { certificate: texts['certificate'] ?? '', key: texts['key'] ?? '', authority: texts['authority'] ?? '' }
  const reasons = unreadable.length > 0 ? [] : certificateReasons(files, expected, nowMs)
  return [
    ...unreadable,
    ...reasons.map((each) => each.code === 'CERTIFICATE_EXPIRES' ? toKnow('identity', each.text, each.hint) : inTheWay('identity', each)),
    ...secret('identity', tls.key, 0o077),
    ...unreadable.length + reasons.length === 0 ? [fine('identity', certificateText(files, expected))] : []
  ]
}

/** @param forbidden mode bits. */
function secret(topic: Finding['topic'], path: string, forbidden: number): readonly Finding[] {
  try {
    const { mode } = statSync(path)
    return (mode & forbidden) === 0 ? [] : [inTheWay(topic, reason('SECRET_EXPOSED', `${path} can be read by others (mode ${(mode & 0o777).toString(8)})`, `type: ${typed(['chmod', forbidden === 0o077 ? '600' : 'o-rwx', path])}`))]
  } catch { return [] }
}

export function lookAtState({ state }: Settings, nowMs: number): readonly Finding[] {
  const findings: Finding[] = []
  let at = state
  try {
    // A directory that is not there yet is made by the agent below the nearest one that is.
    while (statSync(at, { throwIfNoEntry: false }) === undefined && at !== dirname(at)) at = dirname(at)
    accessSync(at, constants.R_OK | constants.W_OK | constants.X_OK)
    findings.push(fine('state', at === state ? `${state} can be written` : `${state} is made at the first start`))
  } catch (error) {
    findings.push(inTheWay('state', reason('STATE_UNREADABLE', `${at} cannot be written: ${because(error)}`, `on the host: check the mount and the permissions of ${at}`)))
    return findings
  }
  try {
    for (const { id, what, dueAtMs } of new ObligationStore(state).unpaid(({ path, text }) => {
      findings.push(inTheWay('state', reason('STATE_UNREADABLE', `a promise cannot be read: ${text}`, unreadableHint(path))))
    })) {
      findings.push(toKnow('state', `not put back yet: ${what}${dueAtMs < nowMs ? ' (overdue)' : ''}`, `the agent does it by itself; at once: ${typed(['pitstop-agent', 'pay', id])}`))
    }
    for (const fault of new OrderStore(state).sift().damage) findings.push(inTheWay('state', fault.toReason()))
  } catch (error) { findings.push(inTheWay('state', asFault(error).toReason())) }
  return findings
}

export function lookAtGitalyFiles({ host: { gitaly } }: Settings, { files }: Host): readonly Finding[] {
  return [
    ...readable('gitaly', files.logPath, 'Gitaly\'s log', 'set gitaly.log to the file that Gitaly writes'),
    ...gitaly.tokenFile === undefined ? [] : [...readable('gitaly', gitaly.tokenFile, 'Gitaly\'s token file', 'set gitaly.token-file to a file with the token of Gitaly\'s configuration'), ...secret('gitaly', gitaly.tokenFile, 0o007)]
  ]
}

function readable(topic: Finding['topic'], path: string, what: string, hint: string): readonly Finding[] {
  try {
    accessSync(path, constants.R_OK)
    return [fine(topic, `${what} ${path} can be read`)]
  } catch (error) {
    return [inTheWay(topic, reason('SERVICE_UNHEALTHY', `${what}: ${missing(error) ? `there is no ${path}` : because(error)}`, hint))]
  }
}

export function lookAtHooks({ hooks }: Host): readonly Finding[] {
  const unique = (reasons: readonly Reason[]): readonly Reason[] => [...new Map(reasons.map((each) => [each.text, each])).values()]
  const directories = hooks.readAll()
  const names = directories.flatMap(({ hooks: each }) => each.map(({ stage, name, undo }) => `${stage}/${name}${undo === undefined ? '' : ' (with undo)'}`))
  return [
    fine('hooks', names.length === 0 ? 'none' : `in their order: ${names.join(', ')}`),
    ...directories.flatMap(({ ignored }) => ignored.map((each) => toKnow('hooks', `ignored: ${each}`, 'rename it, or make it executable, if it is meant to run'))),
    ...unique(directories.flatMap(({ problems }) => problems)).map((each) => inTheWay('hooks', each))
  ]
}
