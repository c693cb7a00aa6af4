// What `knife search node QUERY -F json -a fqdn` printed: {"results": N, "rows": [{"<chef name>": {"fqdn": …}}]},
// with warnings before it now and then. Pure.
import { Fault } from '@pitstop/shared/fault'

export interface ChefNode {
  /** Chef's name of the node. */
  readonly chefName: string
  /** As Chef has it; null when the attribute is missing. */
  readonly fqdn: string | null
}

/** The JSON document in the text, from the first line that begins one; undefined = none. */
function findDocument(text: string): unknown {
  const end = text.lastIndexOf('}') + 1
  for (const { index } of text.matchAll(/^\{/gm)) {
    try {
      return JSON.parse(text.slice(index, end))
    } catch {
      // A line of a warning that begins with a brace: look further.
    }
  }
  return undefined
}

const isRecord = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value)

/** @throws Fault INVENTORY_UNREADABLE when it is something else, or only part of it. */
export function readKnifeAnswer(text: string): readonly ChefNode[] {
  const bad = (what: string): Fault => new Fault('INVENTORY_UNREADABLE', `knife's answer cannot be used: ${what}`, { hint: 'run the same command by hand: knife search node QUERY -F json -a fqdn' })
  const document = findDocument(text)
  if (!isRecord(document) || !Array.isArray(document['rows'])) throw bad('it holds no JSON with "rows"')
  const rows = document['rows'] as readonly unknown[]
  const { results } = document
  if (typeof results === 'number' && results !== rows.length) throw bad(`it announces ${results} nodes and lists ${rows.length}`)
  return rows.map((row, index) => {
    const entries = isRecord(row) ? Object.entries(row) : []
    const [chefName, facts] = entries[0] ?? []
    if (entries.length !== 1 || chefName === undefined || !isRecord(facts)) throw bad(`row ${index + 1} is no {"name": {"fqdn": …}}`)
    const fqdn = facts['fqdn'] ?? null
    if (fqdn !== null && typeof fqdn !== 'string') throw bad(`the fqdn of ${chefName} is no text`)
    return { chefName, fqdn }
  })
}
