// The `inventory:` part of the coordinator's YAML, and the schema of an inventory file. Unknown keys are errors.
//   inventory: { file: /etc/pitstop/nodes.yaml }
//   inventory: { knife: { query: 'roles:gprd-base-stor' }, nodes: [ { match: …, storages: …, zone: …, address: … } ] }
import * as v from 'valibot'
import { duration, gitalyAddress, hostPort } from '@pitstop/shared/configuration'
import { gitalyAddressForms, parseGitalyAddress } from '@pitstop/shared/gitaly-address'
import { isNodeName } from '@pitstop/shared/identity'

/** How hosts that Chef names become nodes. */
export interface NodeRule {
  /** An FQDN, or a pattern in which each "*" stands for any characters but the dot. */
  readonly match: string
  /** Templates: {fqdn}, {1} for what the first "*" stood for; or a list for each FQDN. */
  readonly storages: readonly string[] | ReadonlyMap<string, readonly string[]>
  readonly zone: string
  readonly address: string
  readonly gitaly?: string
}

/** A host that may not be touched, with the reason. */
export interface ExclusionRule { readonly match: string, readonly excluded: string }

export interface KnifeSettings {
  readonly query: string
  /** argv of the program, without "search …". */
  readonly command: readonly string[]
  readonly deadlineMs: number
  readonly rules: readonly (NodeRule | ExclusionRule)[]
}

export type InventorySettings = { readonly file: string } | { readonly knife: KnifeSettings }

const fqdn = v.pipe(v.string('must be an FQDN'), v.toLowerCase(), v.check(isNodeName, 'must be an FQDN'))
const name = v.pipe(v.string(), v.nonEmpty('must not be empty'))
const isDistinct = (names: readonly string[]): boolean => new Set(names).size === names.length
const storageList = v.pipe(v.array(name), v.minLength(1, 'must name at least one storage'), v.check((names) => isDistinct(names), 'names a storage twice'))

const fileNode = v.strictObject({
  node: fqdn, address: hostPort, storages: storageList, zone: name, gitaly: v.optional(gitalyAddress),
  /** A Praefect node is listed so that nobody wonders, and left alone. */
  praefect: v.optional(v.boolean(), false)
})

export const inventoryFile = v.strictObject({
  nodes: v.pipe(v.array(fileNode), v.checkItems((item, index, all) => all.findIndex(({ node }) => node === item.node) === index, 'this node stands in the list already; remove one'))
})

export type FileNode = v.InferOutput<typeof fileNode>

const pattern = v.pipe(v.string(), v.toLowerCase(), v.regex(/^[a-z0-9.*-]+$/, 'must be an FQDN, "*" standing for anything but a dot'))
const template = v.pipe(name, v.regex(/^(?:[^{}]|\{fqdn\}|\{[1-9]\})+$/, 'may hold {fqdn} and {1}, {2}, … for the "*" of match'))
const addressTemplate = v.pipe(template, v.regex(/:\d{1,5}$/, 'must be host:port, such as "{fqdn}:7443"'))
/** Gitaly's own schemes, with holes where names stand. */
const gitalyTemplate = v.pipe(template, v.check((text) => parseGitalyAddress(text.replace(/\{(?:fqdn|\d)\}/g, '1')) !== undefined, gitalyAddressForms))

const rule = v.variant('praefect', [
  v.strictObject({ praefect: v.literal(true), match: pattern }),
  v.strictObject({
    praefect: v.optional(v.literal(false), false), match: pattern, zone: template, address: addressTemplate, gitaly: v.optional(gitalyTemplate),
    storages: v.union([v.pipe(v.array(template), v.minLength(1)), v.record(fqdn, storageList)], 'must be a list of names or a list for each FQDN')
  })
])

const exclusion = v.strictObject({ match: pattern, exclude: v.pipe(name, v.description('the reason')) })

function toRule(given: v.InferOutput<typeof rule> | v.InferOutput<typeof exclusion>): NodeRule | ExclusionRule {
  if ('exclude' in given) return { match: given.match, excluded: given.exclude }
  if (given.praefect) return { match: given.match, excluded: 'it is a Praefect node, which pitstop does not patch' }
  const { match, storages, zone, address, gitaly } = given
  return { match, zone, address, storages: Array.isArray(storages) ? storages : new Map(Object.entries(storages)), ...(gitaly === undefined ? {} : { gitaly }) }
}

const knife = v.strictObject({
  query: v.pipe(name, v.check((text) => !text.startsWith('-'), 'must not begin with "-"')),
  command: v.optional(v.pipe(v.union([name, v.array(name)], 'must be a program or a list of program and arguments'), v.transform((given) => [given].flat()), v.minLength(1, 'must name a program')), 'knife'),
  deadline: v.optional(v.pipe(duration, v.minValue(1000, 'must be 1s or more')), '60s')
})

const hasKey = (key: string) => (input: unknown): boolean => typeof input === 'object' && input !== null && key in input

export const inventorySection = v.lazy((input): v.GenericSchema<unknown, InventorySettings> =>
  hasKey('knife')(input)
    ? v.pipe(
      v.strictObject({ knife, nodes: v.pipe(v.array(v.lazy((each) => hasKey('exclude')(each) ? exclusion : rule)), v.minLength(1, 'must say which nodes own which storages')) }),
      v.transform((keys): InventorySettings => ({ knife: { query: keys.knife.query, command: keys.knife.command, deadlineMs: keys.knife.deadline, rules: keys.nodes.map(toRule) } }))
    )
    : v.strictObject({ file: name }, 'must have either "file" or "knife" with "nodes"'))
