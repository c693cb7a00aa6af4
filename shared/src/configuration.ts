// Fragments → inputs → settings, for both processes. A fragment is the text of one YAML file; the input is what
// the schema accepts; settings are the domain types that the schema's transforms make of it. All problems are told
// at once, each with file:line:column, the offending value and the fix. Pure: files are read by the caller.
import * as v from 'valibot'
import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { parseDuration } from './duration.ts'
import { Fault, reason } from './fault.ts'
import { gitalyAddressForms, parseGitalyAddress } from './gitaly-address.ts'
import { isFleetName, isNodeName } from './identity.ts'
import { redact } from './redaction.ts'

/** Text such as "10s" to milliseconds. */
export const duration = v.pipe(
  v.string('must be a duration such as "10s" or "2m"'),
  v.check((text) => parseDuration(text) !== undefined, 'must be a duration such as "250ms", "10s", "2m" or "1h30m"'),
  v.transform((text) => parseDuration(text) ?? 0)
)

export const fleetName = v.pipe(v.string(), v.check(isFleetName, 'must be 1 to 63 of a-z, 0-9 and "-"'))
export const nodeName = v.pipe(v.string(), v.check(isNodeName, 'must be a lower-case FQDN'))

/** "host:port", IPv6 in brackets. */
export const hostPort = v.pipe(v.string(), v.regex(/^(?:\[[0-9a-f:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'must be host:port'))

/** Gitaly's own schemes, as written. */
export const gitalyAddress = v.pipe(v.string(), v.check((text) => parseGitalyAddress(text) !== undefined, gitalyAddressForms))

/** 10 000 nodes fit four times over; beyond it is no configuration but a mistake. */
const largestFile = 4 * 1024 * 1024
/** Mended from the top, the rest comes next time. */
const mostProblems = 50
const longestText = 300

const shown = (value: unknown): string => {
  const text = redact(JSON.stringify(value) ?? 'nothing')
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/**
 * @param file name for messages.
 * @param schema a strict object schema; unknown keys are errors.
 * @throws Fault INVALID_CONFIGURATION whose reasons are all problems, in the order of the file.
 */
export function readConfiguration<S extends v.GenericSchema>(file: string, text: string, schema: S): v.InferOutput<S> {
  const lines = new LineCounter()
  if (text.length > largestFile) throw unreadable(file, `it has ${text.length} characters; ${largestFile} are allowed`)
  const document = parsed(file, text, lines)
  const problems: { offset: number, text: string }[] = document.errors.length > 0
    ? document.errors.map((error) => ({ offset: error.pos[0], text: /call stack|Stack overflow/.test(error.message) ? tooDeep : error.message }))
    : doubledKeys(document)
  const value = problems.length === 0 ? plainValue(document, problems) : undefined
  if (problems.length === 0) {
    const checked = v.safeParse(schema, value ?? {})
    if (checked.success) return checked.output
    for (const issue of checked.issues.slice(0, mostProblems)) {
      const keys = (issue.path ?? []).map((item) => item.key)
      problems.push({ offset: offsetOf(document, keys), text: explain(issue, keys) })
    }
  }
  const reasons = problems.sort((a, b) => a.offset - b.offset).slice(0, mostProblems).map((problem) => {
    const { line, col } = lines.linePos(problem.offset)
    const told = problem.text.length > longestText ? `${problem.text.slice(0, longestText - 3)}...` : problem.text
    return reason('INVALID_CONFIGURATION', `${file}:${line || 1}:${col || 1}: ${told}`)
  })
  throw new Fault('INVALID_CONFIGURATION', reasons.map(({ text: each }) => each).join('\n'), { reasons })
}

const tooDeep = 'it is nested too deeply to be read'

/** By ourselves: yaml compares every key with every other, which takes minutes for a map of 100 000. */
function doubledKeys(document: ReturnType<typeof parseDocument>): { offset: number, text: string }[] {
  const found: { offset: number, text: string }[] = []
  visit(document, {
    Map: (_key, map) => {
      const seen = new Set<string>()
      for (const { key } of map.items) {
        if (!isScalar(key)) continue
        const name = String(key.value)
        if (seen.has(name)) found.push({ offset: key.range?.[0] ?? 0, text: `${name}: stands here twice; map keys must be unique` })
        seen.add(name)
      }
    }
  })
  return found
}

const unreadable = (file: string, why: string): Fault => {
  const text = `${file}:1:1: ${why}`
  return new Fault('INVALID_CONFIGURATION', text, { reasons: [reason('INVALID_CONFIGURATION', text)] })
}

/** Lists in lists without end use up the stack: that is told like any other mistake. */
function parsed(file: string, text: string, lineCounter: LineCounter): ReturnType<typeof parseDocument> {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false })
  } catch (error) {
    throw unreadable(file, error instanceof RangeError ? tooDeep : error instanceof Error ? error.message.slice(0, longestText) : 'it cannot be read')
  }
}

/** One value out of a text that may be wrong elsewhere. @returns broken: the text is no YAML as a whole. */
export function valueIn(text: string, keys: readonly string[]): { readonly value: unknown, readonly broken: boolean } {
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: false })
  const broken = document.errors.length > 0
  return { value: isMap(document.contents) ? document.getIn(keys) : undefined, broken: broken || (document.contents !== null && !isMap(document.contents)) }
}

/** Aliases are resolved here; one that leads nowhere, or too many of them, is a problem like any other. */
function plainValue(document: ReturnType<typeof parseDocument>, problems: { offset: number, text: string }[]): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    problems.push({ offset: 0, text: error instanceof Error ? error.message : String(error) })
    return undefined
  }
}

function explain(issue: v.BaseIssue<unknown>, keys: readonly unknown[]): string {
  const key = keys.join('.')
  if (issue.type === 'strict_object' && issue.expected === 'never') return `${key}: unknown key; remove it or correct its spelling`
  if (issue.input === undefined) return `${key}: missing; add it${issue.expected === null ? '' : ` (${issue.expected})`}`
  const secret = /token|secret|password/.test(key) && !/file|env/.test(key)
  return `${key || 'the file'}: ${issue.message}; found ${secret ? '[hidden]' : shown(issue.input)}`
}

/** Where the value of a path stands; for an unknown or missing key the key itself or the nearest parent. */
function offsetOf(document: ReturnType<typeof parseDocument>, keys: readonly unknown[]): number {
  for (let depth = keys.length; depth >= 0; depth--) {
    const at = depth === 0 ? document.contents : document.getIn(keys.slice(0, depth), true)
    if (depth > 0) {
      const parent = depth === 1 ? document.contents : document.getIn(keys.slice(0, depth - 1), true)
      const pair = isMap(parent) ? parent.items.find((item) => isPair(item) && String(item.key) === String(keys[depth - 1])) : undefined
      if (pair !== undefined && isNode(pair.key) && pair.key.range) return pair.key.range[0]
    }
    if (isNode(at) && at.range) return at.range[0]
  }
  return 0
}
