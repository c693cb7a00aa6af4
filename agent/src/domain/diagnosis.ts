// What `doctor` found, and what it amounts to. Pure. A finding that only root could have made is no finding: without root
// it is "not judged", because the advice would mislead.
import type { Reason } from '@pitstop/shared/fault'
import { type HostFacts, type Step, vetoes } from './veto.ts'

export interface Finding {
  readonly topic: 'configuration' | 'identity' | 'agent' | 'coordinators' | 'state' | 'clock' | 'gitaly' | 'packages' | 'hooks' | 'orders'
  /** in-the-way: an order would be refused, or the agent cannot do its work. */
  readonly level: 'fine' | 'in-the-way' | 'to-know' | 'not-judged'
  readonly text: string
  /** What to type; empty when it is fine. */
  readonly hint: string
  readonly code?: Reason['code']
}

export const fine = (topic: Finding['topic'], text: string): Finding => ({ topic, level: 'fine', text, hint: '' })
export const toKnow = (topic: Finding['topic'], text: string, hint: string): Finding => ({ topic, level: 'to-know', text, hint })
export const inTheWay = (topic: Finding['topic'], { code, text, hint }: Reason): Finding => ({ topic, level: 'in-the-way', text, hint, code })

export const notJudged = (topic: Finding['topic'], text: string): Finding => ({ topic, level: 'not-judged', text, hint: 'only root can tell' })

const steps: readonly Step[] = ['stage', 'upgrade', 'reboot']

const nothingAgainst = 'nothing on this host speaks against it'

/** Each reason once, with the orders that it stands against. */
export function orderFindings(facts: HostFacts, always: readonly Reason[]): readonly Finding[] {
  const against = new Map<string, { readonly reason: Reason, readonly steps: Step[] }>()
  for (const step of steps) {
    for (const reason of [...always, ...vetoes(step, facts)]) {
      const known = against.get(`${reason.code} ${reason.text}`)
      if (known === undefined) against.set(`${reason.code} ${reason.text}`, { reason, steps: [step] })
      else known.steps.push(step)
    }
  }
  const free = steps.filter((step) => ![...against.values()].some((each) => each.steps.includes(step)))
  return [
    ...free.length === 0 ? [] : [fine('orders', `${free.join(', ')}: ${nothingAgainst}`)],
    ...[...against.values()].map(({ reason, steps: refused }) => inTheWay('orders', { ...reason, text: `${refused.join(', ')}: ${reason.text}` }))
  ]
}

const denied = /EACCES|EPERM|permission denied|access denied|operation not permitted|must be run as root|are you root|superuser privileges/i
/** runit's sockets belong to root: without it, Gitaly's service cannot be asked at all. */
const rootsOwn: ReadonlySet<Reason['code']> = new Set(['SERVICE_NOT_RUNNING', 'SERVICE_MARKED_DOWN'])

/** @param isRoot whether the findings were made by root. */
export function asSeenBy(isRoot: boolean, findings: readonly Finding[]): readonly Finding[] {
  if (isRoot) return findings
  return findings.map((finding) => {
    // What nothing was seen against may still have what only root sees against it.
    if (finding.level === 'fine') return finding.topic === 'orders' ? notJudged('orders', finding.text.replace(nothingAgainst, 'nothing seen so far speaks against it')) : finding
    return denied.test(finding.text) || (finding.code !== undefined && rootsOwn.has(finding.code)) ? notJudged(finding.topic, finding.text) : finding
  })
}

/** Nothing is in the way, and everything that could be was judged. */
export const isClean = (findings: readonly Finding[]): boolean => findings.every(({ level }) => level === 'fine' || level === 'to-know')
