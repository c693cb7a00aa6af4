// What an apt of a stand-in host can see: the lists in the directory that it was told, or nothing but an index of local
// files; less what a preference forbids. And how a package looks in an index and as a file.
import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { AptError, type AptRequest } from './apt-request.ts'
import { readIfThere, readJson } from './durable-file.ts'
import { at } from './host-layout.ts'
import { type AvailablePackage, readLists } from './package-database.ts'

/** Of one request, by name and version. */
export function visiblePackages(root: string, request: Pick<AptRequest, 'options' | 'withSource'>): readonly AvailablePackage[] {
  const forbidden = pinnedAway(request.options.get('dir::etc::preferences'))
  const remote = request.options.get('dir::etc::sourcelist') === '/dev/null' ? [] : listsOf(root, request.options.get('dir::state::lists'))
  return [...remote, ...request.withSource.flatMap(localPackages)].filter(({ name }) => !forbidden.has(name))
}

const listsOf = (root: string, directory: string | undefined): readonly AvailablePackage[] =>
  directory === undefined ? readLists(root) : readJson<AvailablePackage[]>(listsFile(root, directory), [])

export const listsFile = (root: string, directory: string | undefined): string => directory === undefined ? at(root, 'lists') : join(directory, 'repository.json')

/** "Package: a b" with a negative priority: no version of these is a candidate. */
function pinnedAway(path: string | undefined): ReadonlySet<string> {
  const paragraphs = (path === undefined ? '' : readIfThere(path) ?? '').split(/\n\s*\n/)
  return new Set(paragraphs.filter((text) => /^Pin-Priority: -/m.test(text)).flatMap((text) => /^Package: (.*)$/m.exec(text)?.[1]?.split(' ') ?? []))
}

/** What is in the file: as a script in a .deb, it goes wherever the file goes. */
export const archiveContent = (entry: AvailablePackage): string => JSON.stringify(entry)

export const archiveName = ({ name, version, architecture }: AvailablePackage): string => `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A paragraph of an index, as apt-cache prints it. */
export function stanza(entry: AvailablePackage): string {
  const content = archiveContent(entry)
  return [`Package: ${entry.name}`, `Version: ${entry.version}`, `Architecture: ${entry.architecture}`, `Installed-Size: ${entry.size ?? 100}`,
    `Filename: pool/${archiveName(entry)}`, `Size: ${Buffer.byteLength(content)}`, `SHA256: ${hashOf(content)}`, `Description: ${entry.summary}`, ` of a stand-in host`, `Stand-In: ${content}`, ''].join('\n')
}

/** An index of files beside it. A file that is not what the index says is refused before anything else. */
function localPackages(path: string): readonly AvailablePackage[] {
  if (basename(path) !== 'Packages') throw new AptError(`Unsupported file ${path} given on commandline`)
  return (readIfThere(path) ?? '').split(/\n\n+/).flatMap((paragraph) => {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? ''
    return field('Package') === '' ? [] : [{ ...JSON.parse(field('Stand-In')) as AvailablePackage, release: 'volatile-packages-file', local: join(dirname(path), field('Filename')), sha256: field('SHA256') }]
  })
}

/** apt holds every local file against its hash before dpkg gets any. */
export function requireWholeFiles(entries: readonly AvailablePackage[]): void {
  for (const { local, sha256 } of entries) {
    if (local === undefined) continue
    const text = readIfThere(local)
    const why = text === undefined ? `File not found - ${local} (2: No such file or directory)` : hashOf(text) === sha256 ? undefined : 'Hash Sum mismatch'
    if (why !== undefined) throw new AptError(`Failed to fetch file:${local}  ${why}\nUnable to fetch some archives, maybe run apt-get update or try with --fix-missing?`)
  }
}
