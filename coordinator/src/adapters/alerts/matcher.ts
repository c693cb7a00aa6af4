// One of Alertmanager's matchers, as people write it there: alertname="GitalyFileServerDown", env!="gstg", stage=~"main|cny". Pure.

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
