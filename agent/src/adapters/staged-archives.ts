// The .deb files that lie ready, and what is known of them. A file counts only if it has the hash of the repository's
// signed index; it was downloaded elsewhere, by another user (_apt), and is copied: nothing of that user's is ever moved here,
// given other rights or followed. The index is durable, the files need not be: their hash tells.
import { createHash } from 'node:crypto'
import { constants, readdirSync, renameSync, rmSync, statfsSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
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

  /** Copies what was downloaded whole in among the staged. @returns those that were not. */
  async takeIn(stanzas: readonly Stanza[]): Promise<readonly Stanza[]> {
    const refused: Stanza[] = []
    for (const each of stanzas) if (!await this.#copyIn(each)) refused.push(each)
    return refused
  }

  async #copyIn(stanza: Stanza): Promise<boolean> {
    const from = join(this.#directories.download, stanza.file)
    const temporary = join(this.#directories.staged, `.${stanza.file}.tmp`)
    rmSync(temporary, { force: true })
    const copy = await open(temporary, 'wx', 0o600)
    try {
      if (!await isWhole(from, stanza, copy)) return false
      // Of our own file: apt reads it as _apt.
      await copy.chmod(0o644)
      await copy.sync()
      renameSync(temporary, join(this.#directories.staged, stanza.file))
      unlinkSync(from)
      return true
    } catch (error) {
      // For a moment one package is there twice.
      throw (error as NodeJS.ErrnoException).code === 'ENOSPC'
        ? new Fault('DISK_FULL', `${this.#directories.staged} has no room for ${stanza.file} (${Math.ceil(stanza.size / 1_048_576)} MiB): no space left on device`, { cause: error }) : error
    } finally {
      await copy.close()
      rmSync(temporary, { force: true })
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

const blockSize = 256 * 1024

/** @param copy gets the very bytes that were hashed: who wrote the file may go on writing. */
async function isWhole(path: string, { size, sha256 }: Pick<Stanza, 'size' | 'sha256'>, copy?: FileHandle): Promise<boolean> {
  const file = await openUnfollowed(path)
  if (file === undefined) return false
  try {
    const stat = await file.stat()
    if (!stat.isFile() || stat.nlink !== 1 || stat.size !== size) return false
    const hash = createHash('sha256')
    const block = Buffer.allocUnsafe(blockSize)
    for (let left = size; ;) {
      const { bytesRead } = await file.read(block, 0, blockSize, null)
      left -= bytesRead
      if (left < 0) return false
      if (bytesRead === 0) return left === 0 && hash.digest('hex') === sha256
      hash.update(block.subarray(0, bytesRead))
      await copy?.writeFile(block.subarray(0, bytesRead))
    }
  } finally { await file.close() }
}

/** undefined = nothing there, a link or a socket. A FIFO holds up nobody. */
async function openUnfollowed(path: string): Promise<FileHandle | undefined> {
  try { return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
