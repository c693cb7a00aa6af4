// Hashes over bytes that two processes must agree on.
import { hash } from 'node:crypto'

/** Lower-case hex SHA-256 of UTF-8 text. */
export const sha256 = (text: string): string => hash('sha256', text)

/** JSON with sorted keys and without undefined: the same value always gives the same bytes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner)
}

interface PackageVersion { readonly name: string, readonly version: string }

/** Hash of a manifest, independent of its order. The empty list has a hash of its own too. */
export const manifestHash = (packages: readonly PackageVersion[]): string =>
  sha256(canonicalJson(packages.map(({ name, version }) => `${name}=${version}`).sort()))
