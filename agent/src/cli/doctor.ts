// `doctor`: everything that would be a veto now and everything that the agent needs, in plain words, grouped, with what to
// type. Changes nothing.
import type { Settings } from '../config.ts'
import { lookAtGitalyFiles, lookAtHooks, lookAtIdentity, lookAtState } from '../doctor/look-at-files.ts'
import { lookAtGitaly, lookAtOrders, lookAtPackages, lookAtService } from '../doctor/look-at-host.ts'
import { lookAtCoordinators, lookAtListen } from '../doctor/look-at-network.ts'
import { asSeenBy, type Finding, fine, isClean } from '../domain/diagnosis.ts'
import { buildHost } from '../host.ts'
import { systemClock } from '../system-clock.ts'

const marks: Readonly<Record<Finding['level'], string>> = { 'fine': 'ok ', 'in-the-way': 'NO ', 'to-know': ' ! ', 'not-judged': ' ? ' }

/** @param isRoot without root, what only root can see is not judged. */
export async function doctor(settings: Settings, json: boolean, isRoot = process.geteuid?.() === 0): Promise<number> {
  const host = buildHost(settings.host, systemClock)
  try {
    const now = systemClock.now()
    const [service, listen, coordinators, gitaly, packages, orders] = await Promise.all([
      lookAtService(host, now), lookAtListen(settings, isRoot), lookAtCoordinators(settings, isRoot), lookAtGitaly(settings, host), lookAtPackages(host), lookAtOrders(settings, host)
    ])
    const found = [
      fine('configuration', `${settings.file}: node ${settings.node} of fleet ${settings.fleet}${settings.host.mode === 'observe' ? ', observing only' : ''}`),
      ...lookAtIdentity(settings, now), ...service, ...listen, ...coordinators, ...lookAtState(settings, now), ...gitaly, ...lookAtGitalyFiles(settings, host), ...packages,
      ...lookAtHooks(host), ...orders
    ]
    const findings = asSeenBy(isRoot, found)
    const clean = isClean(findings)
    process.stdout.write(json ? `${JSON.stringify({ root: isRoot, clean, findings })}\n` : `${[...withoutRoot(isRoot), ...grouped(findings), '', summary(findings)].join('\n')}\n`)
    return clean ? 0 : 1
  } finally { host.gitaly.close() }
}

const withoutRoot = (isRoot: boolean): readonly string[] => isRoot ? []
  : ['not run as root: what only root can see is not judged (" ? "). For the whole truth type: sudo pitstop-agent doctor', '']

function grouped(findings: readonly Finding[]): readonly string[] {
  const topics = [...new Set(findings.map(({ topic }) => topic))]
  return topics.flatMap((topic) => [topic, ...findings.filter((each) => each.topic === topic).flatMap(lines)])
}

const lines = ({ level, code, text, hint }: Finding): readonly string[] => [
  `  ${marks[level]} ${level === 'in-the-way' && code !== undefined ? `${code}: ` : level === 'not-judged' ? 'not judged: ' : ''}${text.replaceAll('\n', '\n        ')}`,
  ...hint === '' || level === 'fine' ? [] : [`        ${level === 'not-judged' ? hint : `do: ${hint}`}`]
]

function summary(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number => findings.filter((each) => each.level === level).length
  const unjudged = count('not-judged') === 0 ? '' : `${count('not-judged')} not judged`
  if (count('in-the-way') > 0) return [`${count('in-the-way')} in the way`, unjudged].filter((each) => each !== '').join(', ')
  return unjudged === '' ? 'nothing stands in the way of an upgrade or a reboot' : `nothing seen that stands in the way; ${unjudged}`
}
