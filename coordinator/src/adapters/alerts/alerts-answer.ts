// Alertmanager's answer to "which alerts fire", checked before anything is believed. Only what pitstop uses is read. What is no
// alert as the API promises one is a fault: an alert that was overlooked would open a gate.
import * as v from 'valibot'
import { Fault } from '@pitstop/shared/fault'
import type { AlertSurvey } from '../../domain/alert-survey.ts'
import type { FiringAlert } from '../../domain/observed.ts'
import type { AlertGateSettings } from './alerts-section.ts'
import { matcherText, mayApply, wantsLabel } from './matcher.ts'

const timestamp = v.pipe(v.string(), v.transform((text) => Date.parse(text)), v.check((at) => !Number.isNaN(at), 'is no time'))

const alertsAnswer = v.array(v.object({
  labels: v.record(v.string(), v.string()),
  startsAt: timestamp,
  status: v.object({ state: v.string() })
}))

type ShownAlert = v.InferOutput<typeof alertsAnswer>[number]

/** @throws Fault ALERTS_ANSWER_INVALID naming the first field that is wrong. */
function alertsIn(body: unknown, about: string): readonly ShownAlert[] {
  const result = v.safeParse(alertsAnswer, body, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const field = issue.path?.map((item) => String(item.key)).join('.') ?? 'the answer as a whole'
  throw new Fault('ALERTS_ANSWER_INVALID', `Alertmanager's answer about ${about} is not what its API promises: ${shown(field)}: ${shown(issue.message)}`)
}

/** @param nodeLabel the label whose value is a node's FQDN, with or without a port behind it. @throws Fault ALERTS_ANSWER_INVALID */
export function firingIn(body: unknown, { gate, matchers }: AlertGateSettings, nodeLabel: string): FiringAlert[] {
  return alertsIn(body, `the gate ${gate}`).flatMap(({ labels: record, startsAt: since, status }): FiringAlert[] => {
    const labels = new Map(Object.entries(record))
    const foreign = matchers.find((matcher) => !mayApply(matcher, labels))
    if (foreign !== undefined) {
      throw new Fault('ALERTS_ANSWER_INVALID', `Alertmanager answers with alerts that nobody asked for: ${shown(labels.get('alertname') ?? 'one without a name')} does not match ${matcherText(foreign)}`,
        { hint: 'check alerts.url: something in between drops the filters of the question' })
    }
    // Not asked for, and no state that this release does not know is taken for quiet.
    if (status.state === 'suppressed') return []
    return [{ gate, name: shown(labels.get('alertname') ?? '(without a name)'), node: nodeOf(record, nodeLabel), since }]
  })
}

function nodeOf(labels: Readonly<Record<string, string>>, nodeLabel: string): string | null {
  const node = labels[nodeLabel]?.replace(/:\d+$/, '') ?? ''
  return node === '' ? null : shown(node)
}

/** @param all the answer about every alert. @param gates what it answered with each gate's matchers. @throws Fault ALERTS_ANSWER_INVALID */
export function surveyOf(all: unknown, gates: readonly { readonly gate: AlertGateSettings, readonly body: unknown }[], nodeLabel: string): AlertSurvey {
  const alerts = alertsIn(all, 'all alerts')
  const labels = new Set(alerts.flatMap((alert) => Object.keys(alert.labels).filter((label) => alert.labels[label] !== '')))
  const nodes = alerts.map((alert) => nodeOf(alert.labels, nodeLabel)).filter((node) => node !== null)
  return {
    alerts: alerts.length, nodeLabel, withNode: nodes.length, nodes: [...new Set(nodes)], labels: [...labels].map(shown).sort(),
    gates: gates.map(({ gate: { gate, matchers }, body }) => ({
      gate, alerts: alertsIn(body, `the gate ${gate}`).length,
      absent: [...new Set(matchers.filter((matcher) => wantsLabel(matcher) && !labels.has(matcher.label)).map(({ label }) => label))]
    }))
  }
}

const longest = 200

/** Anybody who may raise an alert writes these texts, and they are printed on terminals. */
function shown(text: string): string {
  const plain = text.replace(/[^\P{C}]|[\u2028\u2029]/gu, '?')
  return plain.length > longest ? `${plain.slice(0, longest)}...` : plain
}
