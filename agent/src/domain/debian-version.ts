// Order of Debian versions as dpkg defines it (deb-version(7)). Pure twin of `dpkg --compare-versions`, so that a
// manifest of hundreds of packages needs no process per package.

/** Negative, zero or positive like a sort function. */
export function compareVersions(a: string, b: string): number {
  const left = split(a)
  const right = split(b)
  return left.epoch - right.epoch || compareParts(left.upstream, right.upstream) || compareParts(left.revision, right.revision)
}

function split(version: string): { epoch: number, upstream: string, revision: string } {
  const colon = version.indexOf(':')
  const epoch = colon > 0 ? Number.parseInt(version.slice(0, colon), 10) : 0
  const rest = colon >= 0 ? version.slice(colon + 1) : version
  const dash = rest.lastIndexOf('-')
  return { epoch: Number.isNaN(epoch) ? 0 : epoch, upstream: dash >= 0 ? rest.slice(0, dash) : rest, revision: dash >= 0 ? rest.slice(dash + 1) : '' }
}

/** Alternating runs of non-digits (by dpkg's own order) and digits (by number). */
function compareParts(a: string, b: string): number {
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
      const difference = weight(a[i]) - weight(b[j])
      if (difference !== 0) return difference
      i++
      j++
    }
    const [left, nextI] = digits(a, i)
    const [right, nextJ] = digits(b, j)
    if (left.length !== right.length) return left.length - right.length
    if (left !== right) return left < right ? -1 : 1
    i = nextI
    j = nextJ
  }
  return 0
}

const isDigit = (character: string | undefined): boolean => character !== undefined && character >= '0' && character <= '9'

/** "~" sorts before the end, the end before letters, letters before everything else. */
function weight(character: string | undefined): number {
  if (character === undefined || isDigit(character)) return 0
  if (character === '~') return -1
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256
}

/** The digits from `at`, without leading zeros, and where they end. */
function digits(text: string, at: number): readonly [string, number] {
  let end = at
  while (isDigit(text[end])) end++
  return [text.slice(at, end).replace(/^0+/, ''), end]
}
