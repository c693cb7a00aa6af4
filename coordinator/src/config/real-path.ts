// Where a path leads when every symbolic link on it is followed, also when the file, or folders on the way to it, are still to
// be made: a link that leads to a file that is yet to come leads there all the same. Only looks; what it may not look at is
// taken as it is written.
import { readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** As the kernel's: links that lead in a circle lead nowhere. */
const mostLinks = 40

/** A folder's name that ends with a slash ends with it still. */
export const realPath = (path: string): string => {
  const there = follow(path, mostLinks)
  return path.endsWith('/') && there !== '/' ? `${there}/` : there
}

function follow(path: string, links: number): string {
  try {
    return realpathSync.native(path)
  } catch {
    const folder = dirname(path)
    if (folder === path) return path
    const there = join(follow(folder, links), basename(path))
    const target = links > 0 ? linkTarget(there) : null
    return target === null ? there : follow(resolve(dirname(there), target), links - 1)
  }
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    // No link, nothing at all, or not for us to look at.
    return null
  }
}
