// Names of nodes as short as a column needs: the domain that all share is left out when the full names do not fit.

/** @returns shown name by FQDN. */
export function shortNames(names: readonly string[], room: number): ReadonlyMap<string, string> {
  const longest = Math.max(0, ...names.map((name) => name.length))
  const shared = longest <= room || names.length < 2 ? '' : sharedDomain(names)
  return new Map(names.map((name) => [name, shared === '' ? name : name.slice(0, -shared.length)]))
}

/** ".c.internal" when every name ends so; never the whole of one. */
function sharedDomain(names: readonly string[]): string {
  const labels = names.map((name) => name.split('.').slice(1))
  const [first = []] = labels
  let count = 0
  while (count < first.length && labels.every((each) => each.length > count && each.at(-1 - count) === first.at(-1 - count))) count++
  return count === 0 ? '' : `.${first.slice(first.length - count).join('.')}`
}
