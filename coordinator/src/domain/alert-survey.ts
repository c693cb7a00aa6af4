// What the gates on alerts look at, told at preflight: a matcher with a misspelled label closes no gate, ever, and nobody would notice. Of
// what does not fire now nothing can be known, so a value that is misspelled cannot be found here. Pure.
import { type Reason, reason } from '@pitstop/shared/fault'

/** All that Alertmanager shows, silenced and inhibited alerts too. */
export interface AlertSurvey {
  readonly alerts: number
  /** The label whose value is a node's FQDN. */
  readonly nodeLabel: string
  /** How many alerts have it. */
  readonly withNode: number
  /** Which nodes they name, each once. */
  readonly nodes: readonly string[]
  /** Names of labels that at least one alert has. */
  readonly labels: readonly string[]
  /** Of each gate: to how many of the alerts its matchers apply, and which labels it asks for that no alert has. */
  readonly gates: readonly { readonly gate: string, readonly alerts: number, readonly absent: readonly string[] }[]
}

/** So many names are told; the rest is a number. */
const mostTold = 8

export function explainSurvey({ alerts, nodeLabel, withNode, nodes, labels, gates }: AlertSurvey, planned: readonly string[]): { readonly remarks: readonly string[], readonly warnings: readonly Reason[] } {
  const looked = `the gates look at: ${gates.map((each) => `${each.gate} ${each.alerts}`).join(', ')}`
  if (alerts === 0) return { remarks: [`Alertmanager shows no alert at all, not even a silenced one: whether the gates' matchers are spelled right cannot be told from that (${looked})`], warnings: [] }
  const named = planned.filter((node) => nodes.includes(node))
  const remarks = [
    `Alertmanager shows ${many(alerts, 'alert')}, silenced and inhibited ones included; ${looked}`,
    `${withNode} of them name a node by the label ${nodeLabel}: ${named.length === 0 ? 'none of this plan\'s' : `${named.length} of this plan's ${planned.length} (${told(named)})`}`
  ]
  const warnings = gates.flatMap(({ gate, absent }) => absent.map((label) => reason('ALERTS_UNMATCHED', `the gate ${gate} asks for the label ${label}, which none of the ${many(alerts, 'alert')} that Alertmanager shows has: as it is, it closes on nothing`,
    `check its spelling in alerts.close-on; labels there are: ${told(labels)}`)))
  const unnamed = withNode > 0 ? [] : [reason('ALERTS_UNMATCHED', `none of the ${many(alerts, 'alert')} that Alertmanager shows has the label ${nodeLabel}: alerts of nodes that pitstop takes down would count, and hold the window`,
    `name the label that holds a node's FQDN in alerts.node-label; labels there are: ${told(labels)}`)]
  return { remarks, warnings: [...warnings, ...unnamed] }
}

const many = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`

const told = (names: readonly string[]): string => `${names.slice(0, mostTold).join(', ')}${names.length > mostTold ? ` and ${names.length - mostTold} more` : ''}`
