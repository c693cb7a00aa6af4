// One of Alertmanager's matchers, as people write it there: alertname="GitalyFileServerDown", env!="gstg", stage=~"main|cny". Pure.
import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js'

export interface Matcher {
  readonly label: string
  readonly operator: '=' | '!=' | '=~' | '!~'
  readonly value: string
}

export const matcherForm = 'must be a matcher in Alertmanager\'s own notation: LABEL="VALUE", or with !=, =~, !~'

/** Quotes may be left out around what cannot be misread. */
const form = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\\n]|\\["\\n])*)"|([^\s"'`{},=!~\\]+))\s*$/

/** Undefined = it is none. */
export function parseMatcher(text: string): Matcher | undefined {
  const [, label, operator, quoted, bare] = form.exec(text) ?? []
  if (label === undefined || operator === undefined) return undefined
  const value = quoted === undefined ? bare ?? '' : quoted.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
  return { label, operator: operator as Matcher['operator'], value }
}

export const matcherText = ({ label, operator, value }: Matcher): string =>
  `${label}${operator}"${value.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`

/** False: the alert cannot be one that was asked for. Of regular expressions only Alertmanager can tell; a missing label is an empty one. */
export function mayApply({ label, operator, value }: Matcher, labels: ReadonlyMap<string, string>): boolean {
  const found = labels.get(label) ?? ''
  return operator === '=' ? found === value : operator === '!=' ? found !== value : true
}

/** Why Alertmanager would refuse the value as a regular expression, in Go's words; undefined = it takes it. */
export function expressionProblem(value: string): string | undefined {
  try {
    compiled(value)
    return undefined
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    if (!(error instanceof RE2JSSyntaxException)) return error.message
    // A piece that is not the person's own has our anchors in it.
    const piece = error.getPattern() ?? ''
    return piece !== '' && value.includes(piece) ? `${error.getDescription()}: ${piece}` : error.getDescription()
  }
}

/** No alert without the label matches. */
export const wantsLabel = ({ operator, value }: Matcher): boolean => {
  const takesEmpty = operator.endsWith('~') ? compiled(value).test('') : value === ''
  return operator.startsWith('=') !== takesEmpty
}

/** Anchored as Alertmanager does it: "a)(b" is one. Go's expressions are not ours: no look-around, no back-references, other flags. */
const compiled = (value: string): RE2JS => RE2JS.compile(`^(?:${value})$`)
