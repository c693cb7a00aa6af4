// How GitLab treats `repository_storages_weighted` in a PUT: values coerced by Ruby's to_i, the hash replaced as a
// whole, keys and ranges validated afterwards. Pure.

export type Refusal = { readonly error: string } | { readonly message: { readonly repository_storages_weighted: readonly string[] } }

/** Ruby's to_i on a JSON value; undefined for what has no to_i (true, lists, hashes): Grape calls the parameter invalid. */
function toI(value: unknown): number | undefined {
  if (value === null) return 0
  if (typeof value === 'number') return Math.trunc(value)
  if (typeof value === 'string') return Number.parseInt(/^\s*([+-]?\d+)/.exec(value)?.[1] ?? '0', 10)
  return undefined
}

/**
 * @param given the parameter as it came.
 * @param storages configured names in the order of gitlab.yml.
 * @returns what GitLab would store, or the body of its 400.
 */
export function coerceWeights(given: unknown, storages: readonly string[]): { stored: Record<string, number> } | { refusal: Refusal } {
  const invalid = { refusal: { error: 'repository_storages_weighted is invalid' } }
  if (given === null || typeof given !== 'object' || Array.isArray(given)) return invalid
  const stored: Record<string, number> = {}
  for (const [storage, value] of Object.entries(given)) {
    const weight = toI(value)
    if (weight === undefined) return invalid
    stored[storage] = weight
  }
  const unknown = Object.keys(stored).filter((storage) => !storages.includes(storage))
  const problems = [
    ...(unknown.length > 0 ? [`can't include: ${unknown.join(', ')}`] : []),
    ...Object.entries(stored).filter(([, weight]) => weight < 0 || weight > 100).map(([storage]) => `value for '${storage}' must be between 0 and 100`)
  ]
  return problems.length > 0 ? { refusal: { message: { repository_storages_weighted: problems } } } : { stored }
}

/** What GET shows: every configured storage, the unset ones as 0; stored but unconfigured ones are hidden. */
export const shownWeights = (stored: Readonly<Record<string, number>>, storages: readonly string[]): Record<string, number> =>
  Object.fromEntries(storages.map((storage) => [storage, stored[storage] ?? 0]))
