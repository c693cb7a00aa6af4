// The paragraphs of `apt-cache show`, as they stand in a repository's signed index, and what becomes of them for a package
// that lies on this host. Pure. The hashes are kept: apt holds the file against them once more before dpkg sees it.

export interface Stanza {
  /** As in a manifest: with its architecture when that is a foreign one. */
  readonly name: string
  readonly version: string
  /** apt's name for the downloaded file. */
  readonly file: string
  readonly size: number
  readonly sha256: string
  /** 0 = the package does not say. */
  readonly installedKb: number
  /** For an index of local files. */
  readonly text: string
}

/**
 * Filename is replaced. A phased update is decided by the manifest, so the percentage goes: nobody may hold back by
 * the host's machine-id what the canary has tested.
 */
const replaced = new Set(['filename', 'phased-update-percentage'])

/** Every version that can be downloaded, once; what only stands in dpkg's own status has no file and no hash. */
export function parseStanzas(text: string, native: string): readonly Stanza[] {
  const found = new Map<string, Stanza>()
  for (const paragraph of text.split(/\n{2,}/)) {
    const fields = fieldsOf(paragraph)
    const value = (name: string): string => fields.find((field) => field.name === name)?.value ?? ''
    const [name, version, architecture, sha256] = [value('package'), value('version'), value('architecture'), value('sha256').toLowerCase()]
    const size = Number(value('size'))
    if (name === '' || version === '' || value('filename') === '' || !/^[0-9a-f]{64}$/.test(sha256) || !Number.isSafeInteger(size)) continue
    const file = archiveName(name, version, architecture)
    const full = architecture === native || architecture === 'all' ? name : `${name}:${architecture}`
    const installedKb = Number(value('installed-size'))
    const key = `${full}=${version}`
    if (!found.has(key)) {
      found.set(key, {
        name: full, version, file, size, sha256, installedKb: Number.isFinite(installedKb) ? installedKb : 0,
        text: [...fields.filter((field) => !replaced.has(field.name)).map((field) => field.text), `Filename: ./${file}`].join('\n')
      })
    }
  }
  return [...found.values()]
}

interface Field { readonly name: string, readonly value: string, readonly text: string }

/** A field goes on in lines that begin with a blank. */
function fieldsOf(paragraph: string): readonly Field[] {
  const fields: { name: string, value: string, text: string }[] = []
  for (const line of paragraph.split('\n')) {
    const last = fields.at(-1)
    if (/^[ \t]/.test(line) && last !== undefined) { last.text += `\n${line}`; continue }
    const colon = line.indexOf(':')
    if (colon > 0) fields.push({ name: line.slice(0, colon).toLowerCase(), value: line.slice(colon + 1).trim(), text: line })
  }
  return fields
}

/** As apt names it: "_" and ":" of a version are escaped, an epoch's colon above all. */
const archiveName = (name: string, version: string, architecture: string): string =>
  `${escaped(name, /[_:]/g)}_${escaped(version, /[_:]/g)}_${escaped(architecture, /[_:.]/g)}.deb`

const escaped = (text: string, what: RegExp): string => text.replace(what, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
