// The .deb files that lie ready, and what is known of them. A file counts only if it has the hash of the repository's
// signed index; it was downloaded elsewhere and moved here whole. The index is durable, the files need not be: their hash tells.
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, createReadStream, readdirSync, renameSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Stanza } from '../domain/apt-stanza.ts'
import { nothingStaged, packagesFile, type StagedIndex, type StagedPackage } from '../domain/staged-packages.ts'
import type { FreeForPackages } from '../domain/package-space.ts'
import type { Archives } from '../ports.ts'
import type { AptDirectories } from './apt-directories.ts'
import { stateFiles } from './state-file.ts'

export class StagedArchives implements Archives {
  readonly #root: string
  readonly #directories: AptDirectories
  readonly #files = stateFiles()

  constructor(root: string, directories: AptDirectories) {
    this.#root = root
    this.#directories = directories
  }

  read(): StagedIndex {
    return this.#files.read(this.#indexFile) as StagedIndex | undefined ?? nothingStaged
  }

  /** The files first that leave, then the word of them: an index never promises what was removed on purpose. */
  replace(index: StagedIndex): void {
    const kept = new Set(index.packages.map(({ file }) => file))
    this.#files.replace(this.#indexFile, index)
    for (const name of this.#archives()) if (!kept.has(name)) rmSync(join(this.#directories.staged, name), { force: true })
  }

  /** Those whose file is there and whole. */
  async whole(entries: readonly StagedPackage[]): Promise<readonly StagedPackage[]> {
    const found: StagedPackage[] = []
    for (const each of entries) if (await isWhole(join(this.#directories.staged, each.file), each)) found.push(each)
    return found
  }

  /** Moves what was downloaded whole in among the staged. */
  async takeIn(stanzas: readonly Stanza[]): Promise<void> {
    for (const each of stanzas) {
      const from = join(this.#directories.download, each.file)
      if (!await isWhole(from, each)) continue
      chmodSync(from, 0o644)
      if (process.getuid?.() === 0) chownSync(from, 0, 0)
      renameSync(from, join(this.#directories.staged, each.file))
    }
  }

  /** Path of an index of exactly these, for apt's --with-source: the name must be "Packages". */
  writePackages(entries: readonly Stanza[]): string {
    const path = join(this.#directories.staged, 'Packages')
    writeFileSync(path, packagesFile(entries))
    return path
  }

  space(): FreeForPackages {
    const free = (path: string): number => {
      const { bavail, bsize } = statfsSync(path)
      return bavail * bsize
    }
    const usr = join(this.#root, '/usr')
    const system = statSync(usr, { throwIfNoEntry: false }) === undefined ? this.#root : usr
    return { staging: free(this.#directories.staged), system: free(system), shared: statSync(this.#directories.staged).dev === statSync(system).dev }
  }

  get #indexFile(): string { return join(this.#directories.base, 'index.json') }

  #archives(): readonly string[] {
    return readdirSync(this.#directories.staged).filter((name) => name.endsWith('.deb'))
  }
}

async function isWhole(path: string, { size, sha256 }: Pick<Stanza, 'size' | 'sha256'>): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false })?.size !== size) return false
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex') === sha256
}
