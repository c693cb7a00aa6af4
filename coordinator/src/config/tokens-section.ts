// The `tokens:` part of the coordinator's YAML: who may use the HTTP API, by name and role. A token itself never
// stands in the configuration: it is in a file of its own, or only its SHA-256 is known here.
import * as v from 'valibot'

export const apiRoles = ['viewer', 'operator'] as const
export type ApiRole = (typeof apiRoles)[number]

export interface TokenSettings {
  /** Goes into the journal as "by". */
  readonly name: string
  readonly role: ApiRole
  readonly secret: { readonly file: string } | { readonly sha256: string }
}

const entry = v.pipe(
  v.strictObject({
    name: v.pipe(v.string(), v.regex(/^[\w.@-]{1,64}$/, 'must be 1 to 64 of letters, digits and . _ @ -')),
    role: v.picklist(apiRoles, 'must be viewer or operator'),
    file: v.optional(v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))),
    sha256: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits: printf %s "$TOKEN" | sha256sum')))
  }),
  v.check(({ file, sha256 }) => (file === undefined) !== (sha256 === undefined), 'needs exactly one of file and sha256'),
  v.transform(({ name, role, file, sha256 }): TokenSettings => ({ name, role, secret: file === undefined ? { sha256: sha256 ?? '' } : { file } }))
)

export const tokensSection = v.pipe(
  v.array(entry, 'must be a list of tokens'),
  v.checkItems((item, index, all) => all.findIndex(({ name }) => name === item.name) === index, 'this name stands in the list already; give each token its own')
)
