// The content of a package as it will lie on the host: paths, bytes and modes; owners are root's. Every time stamp is the
// source's date, so that the same source gives the same bytes.
import { chmodSync, copyFileSync, lutimesSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname, join, relative } from 'node:path'

export class PackageTree {
  readonly root: string

  constructor(root: string) {
    this.root = root
    this.directory('/')
  }

  directory(path: string, mode = 0o755): void {
    const folder = join(this.root, path)
    if (folder !== this.root && dirname(path) !== '/') this.directory(dirname(path))
    mkdirSync(folder, { recursive: true })
    chmodSync(folder, mode)
  }

  /** @param path on the host. */
  write(path: string, content: string | Uint8Array, mode = 0o644): void {
    this.directory(dirname(path))
    writeFileSync(join(this.root, path), content)
    chmodSync(join(this.root, path), mode)
  }

  copy(path: string, from: string, mode = 0o644): void {
    this.directory(dirname(path))
    copyFileSync(from, join(this.root, path))
    chmodSync(join(this.root, path), mode)
  }

  /** Files below DEBIAN are dpkg's own, not the host's. */
  files(): readonly string[] {
    return readdirSync(this.root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .map((entry) => relative(this.root, join(entry.parentPath, entry.name))).filter((path) => !path.startsWith('DEBIAN/')).sort()
  }

  /** As dpkg --verify reads it. */
  checksums(): string {
    return this.files().map((path) => `${createHash('md5').update(readFileSync(join(this.root, path))).digest('hex')}  ${path}\n`).join('')
  }

  /** KiB, each file rounded up as dpkg-gencontrol counts. */
  installedSize(): number {
    return this.files().reduce((sum, path) => sum + Math.ceil(statSync(join(this.root, path)).size / 1024), 0)
  }

  /** Last: any later write would change a directory's time again. */
  date(seconds: number): void {
    const all = readdirSync(this.root, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name))
    for (const path of [...all.sort().reverse(), this.root]) lutimesSync(path, seconds, seconds)
  }
}
