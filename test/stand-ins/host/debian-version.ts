// Debian's version order (deb-version(7)): epoch, upstream version, revision; `~` sorts before the end. Written
// anew here: a stand-in must not share mistakes with the product's own reading of versions.

export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)]
  return left.epoch - right.epoch || comparePart(left.upstream, right.upstream) || comparePart(left.revision, right.revision)
}

export function relationHolds(a: string, relation: string, b: string): boolean | undefined {
  const order = compareVersions(a, b)
  switch (relation) {
    case 'lt': return order < 0
    case 'le': return order <= 0
    case 'eq': return order === 0
    case 'ne': return order !== 0
    case 'ge': return order >= 0
    case 'gt': return order > 0
    default: return undefined
  }
}

function parts(version: string): { epoch: number, upstream: string, revision: string } {
  const colon = version.indexOf(':')
  const rest = version.slice(colon + 1)
  const dash = rest.lastIndexOf('-')
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1)
  }
}

const isDigit = (character: string | undefined): boolean => character !== undefined && character >= '0' && character <= '9'

/** Weight of a non-digit: ~ before the end, the end before letters, letters before the rest. */
function weight(character: string | undefined): number {
  if (character === '~') return -1
  if (character === undefined || isDigit(character)) return 0
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256
}

function comparePart(a: string, b: string): number {
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
      const order = weight(a[i]) - weight(b[j])
      if (order !== 0) return order
      i++
      j++
    }
    const [from, other] = [i, j]
    while (isDigit(a[i])) i++
    while (isDigit(b[j])) j++
    const order = Number(a.slice(from, i) || 0) - Number(b.slice(other, j) || 0)
    if (order !== 0) return order
  }
  return 0
}
