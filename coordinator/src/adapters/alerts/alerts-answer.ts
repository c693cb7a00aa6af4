// Alertmanager's answer to "which alerts fire", checked before anything is believed. Only what pitstop uses is read. What is no
// alert as the API promises one is a fault: an alert that was overlooked would open a gate.
import * as v from 'valibot'
import { Fault } from '@pitstop/shared/fault'
import type { FiringAlert } from '../../domain/observed.ts'
import type { AlertGateSettings } from './alerts-section.ts'
import { matcherText, mayApply } from './matcher.ts'

const timestamp = v.pipe(v.string(), v.transform((text) => Date.parse(text)), v.check((at) => !Number.isNaN(at), 'is no time'))

const alertsAnswer = v.array(v.object({
  labels: v.record(v.string(), v.string()),
  startsAt: timestamp,
  status: v.object({ state: v.string() })
}))

/** @param nodeLabel the label whose value is a node's FQDN, with or without a port behind it. @throws Fault ALERTS_ANSWER_INVALID naming the first field that is wrong. */
export function firingIn(body: unknown, { gate, matchers }: AlertGateSettings, nodeLabel: string): FiringAlert[] {
  const result = v.safeParse(alertsAnswer, body, { abortEarly: true })
  if (!result.success) {
    const [issue] = result.issues
    const field = issue.path?.map((item) => String(item.key)).join('.') ?? 'the answer as a whole'
    throw new Fault('ALERTS_ANSWER_INVALID', `Alertmanager's answer about the gate ${gate} is not what its API promises: ${shown(field)}: ${shown(issue.message)}`)
  }
  return result.output.flatMap(({ labels: record, startsAt: since, status }): FiringAlert[] => {
    const labels = new Map(Object.entries(record))
    const foreign = matchers.find((matcher) => !mayApply(matcher, labels))
    if (foreign !== undefined) {
      throw new Fault('ALERTS_ANSWER_INVALID', `Alertmanager answers with alerts that nobody asked for: ${shown(labels.get('alertname') ?? 'one without a name')} does not match ${matcherText(foreign)}`,
        { hint: 'check alerts.url: something in between drops the filters of the question' })
    }
    // Not asked for, and no state that this release does not know is taken for quiet.
    if (status.state === 'suppressed') return []
    const node = labels.get(nodeLabel)?.replace(/:\d+$/, '') ?? ''
    return [{ gate, name: shown(labels.get('alertname') ?? '(without a name)'), node: node === '' ? null : shown(node), since }]
  })
}

const longest = 200

/** Anybody who may raise an alert writes these texts, and they are printed on terminals. */
function shown(text: string): string {
  const plain = text.replace(/[^\P{C}]|[\u2028\u2029]/gu, '?')
  return plain.length > longest ? `${plain.slice(0, longest)}...` : plain
}
