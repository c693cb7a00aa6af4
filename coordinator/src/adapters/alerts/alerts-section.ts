// The `alerts:` part of the coordinator's YAML: where Alertmanager is, and which alerts close which gate. The token is named here,
// never held: it is read from its file at each use.
import * as v from 'valibot'
import { baseUrlWithout } from '../base-url.ts'
import { type Matcher, expressionProblem, matcherForm, matcherText, parseMatcher } from './matcher.ts'

export interface AlertGateSettings {
  readonly gate: string
  /** An alert closes the gate when all of them apply. */
  readonly matchers: readonly Matcher[]
}

export interface AlertsSettings {
  /** Base URL without trailing slash. */
  readonly url: string
  readonly token?: { readonly file: string }
  /** File with the authorities to believe; without it the system's. */
  readonly authority?: string
  readonly closeOn: readonly AlertGateSettings[]
  /** The label whose value is a node's FQDN. */
  readonly nodeLabel: string
}

/** Each gate is a question of its own at every reading. */
const mostGates = 20

const path = v.pipe(v.string('must be a path'), v.nonEmpty('must be a path'))

const matcher = v.pipe(
  v.string(matcherForm),
  v.check((text) => parseMatcher(text) !== undefined, matcherForm),
  v.transform((text): Matcher => parseMatcher(text) ?? { label: '', operator: '=', value: '' }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || !dataset.value.operator.endsWith('~')) return
    const problem = expressionProblem(dataset.value.value)
    if (problem !== undefined) addIssue({ message: `Alertmanager would refuse this regular expression (${problem}): write it in Go's syntax, without look-around and back-references`, input: matcherText(dataset.value) })
  })
)

const gateForm = 'must be a name of 1 to 40 of a-z, 0-9 and "-"; reasons call the gate by it'
const gate = v.strictObject({
  gate: v.pipe(v.string(gateForm), v.regex(/^[a-z0-9-]{1,40}$/, gateForm)),
  // Without one every alert there is would close it.
  matchers: v.pipe(v.array(matcher, 'must be a list of matchers'), v.minLength(1, 'must have one matcher or more'))
})

export const alertsSection = v.pipe(
  v.strictObject({
    'url': baseUrlWithout('/api/v2'),
    'token-file': v.optional(path),
    'ca-file': v.optional(path),
    'node-label': v.optional(v.pipe(v.string('must be the name of a label'), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a label')), 'fqdn'),
    'close-on': v.pipe(
      v.array(gate, 'must be a list of gates'),
      v.minLength(1, 'must name one gate or more; without any leave alerts out'),
      v.maxLength(mostGates, `must have ${mostGates} gates or fewer: each is a question of its own every 15 s`),
      v.checkItems((item, index, all) => all.findIndex(({ gate: name }) => name === item.gate) === index, 'a gate of this name stands in the list already; give each its own')
    )
  }),
  v.transform((keys): AlertsSettings => ({
    url: keys.url,
    ...keys['token-file'] === undefined ? {} : { token: { file: keys['token-file'] } },
    ...keys['ca-file'] === undefined ? {} : { authority: keys['ca-file'] },
    closeOn: keys['close-on'],
    nodeLabel: keys['node-label']
  }))
)
