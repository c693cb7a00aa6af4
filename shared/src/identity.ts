// Who a certificate speaks for, carried as one URI in its subject alternative names:
// spiffe://FLEET/pitstop/ROLE/NAME, NAME = FQDN of the node or host name of the coordinator.

export const roles = ['agent', 'coordinator'] as const
export type Role = (typeof roles)[number]

export interface Identity {
  readonly fleet: string
  readonly role: Role
  readonly name: string
}

const fleetPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const namePattern = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/

export const isFleetName = (text: string): boolean => fleetPattern.test(text)
export const isNodeName = (text: string): boolean => namePattern.test(text) && !text.includes('..')

export const identityUri = ({ fleet, role, name }: Identity): string => `spiffe://${fleet}/pitstop/${role}/${name}`

/** The identity in a subjectAltName as Node prints it ("DNS:a, URI:spiffe://…"); undefined when there is not exactly one. */
export function identityFromAltNames(subjectAltName: string | undefined): Identity | undefined {
  // A name with odd characters is quoted, and may hold what looks like another name.
  const uris = (subjectAltName ?? '').replace(/"(?:[^"\\]|\\.)*"?/g, '""').split(/,\s*/).filter((part) => part.startsWith('URI:spiffe://'))
  const match = uris.length === 1 ? /^URI:spiffe:\/\/([^/]+)\/pitstop\/([^/]+)\/([^/]+)$/.exec(uris[0] ?? '') : null
  const [, fleet = '', role = '', name = ''] = match ?? []
  const known = roles.find((candidate) => candidate === role)
  return known !== undefined && isFleetName(fleet) && isNodeName(name) ? { fleet, role: known, name } : undefined
}
