// From an FQDN to a node, by the rules of the configuration: exact names go before patterns, patterns in their
// order. What no rule names is not touched. Pure.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { ExclusionRule, NodeRule } from './inventory-section.ts'
import type { InventoryNode } from './port.ts'

/** What each "*" stood for; undefined when the pattern does not fit. */
function captures(match: string, fqdn: string): readonly string[] | undefined {
  const source = match.split('*').map((part) => part.replaceAll('.', '\\.')).join('([^.]*)')
  return new RegExp(`^${source}$`, 'u').exec(fqdn)?.slice(1)
}

export function applyRules(rules: readonly (NodeRule | ExclusionRule)[], fqdn: string): { node: InventoryNode } | { excluded: Reason } {
  const exact = rules.filter(({ match }) => !match.includes('*'))
  const patterns = rules.filter(({ match }) => match.includes('*'))
  for (const rule of [...exact, ...patterns]) {
    const found = captures(rule.match, fqdn)
    if (found !== undefined) return 'excluded' in rule ? { excluded: reason('NODE_EXCLUDED', `${fqdn} is left alone: ${rule.excluded}`, 'change the rule of the configuration if that is wrong') } : build(rule, fqdn, found)
  }
  return { excluded: reason('NODE_EXCLUDED', `${fqdn} is not in the configuration: which storages it owns is unknown`, 'add it to inventory.nodes') }
}

function build(rule: NodeRule, fqdn: string, found: readonly string[]): { node: InventoryNode } | { excluded: Reason } {
  const templates = [rule.zone, rule.address, ...(rule.gitaly === undefined ? [] : [rule.gitaly]), ...(Array.isArray(rule.storages) ? rule.storages as string[] : [])]
  const missing = templates.flatMap((template) => [...template.matchAll(/\{(\d)\}/g)].flatMap(([hole, index]) => found[Number(index) - 1] === undefined ? [hole] : []))
  if (missing.length > 0) return { excluded: reason('NODE_EXCLUDED', `${fqdn}: ${missing[0]} in the rule "${rule.match}" stands for nothing: the rule has fewer "*"`, 'correct the rule in inventory.nodes') }
  const fill = (template: string): string => template.replace(/\{(fqdn|\d)\}/g, (_hole, what: string) => what === 'fqdn' ? fqdn : found[Number(what) - 1] ?? '')
  const storages = rule.storages instanceof Map ? (rule.storages as ReadonlyMap<string, readonly string[]>).get(fqdn) : (rule.storages as readonly string[]).map(fill)
  if (storages === undefined) return { excluded: reason('NODE_EXCLUDED', `${fqdn} has no storages in the rule "${rule.match}"`, 'add its storages to that rule') }
  return { node: { node: fqdn, address: fill(rule.address), storages, zone: fill(rule.zone), ...(rule.gitaly === undefined ? {} : { gitaly: fill(rule.gitaly) }) } }
}
