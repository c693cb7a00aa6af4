// The way that the kernel takes to a file, one step after the other from the top: each directory is looked at before
// what lies in it, so that once it is known that only root can change it, nothing below can be exchanged by anybody else.
import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { join, resolve } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import type { PathFact } from '../domain/hook-trust.ts'

/** As many links as the kernel follows. */
const longestWay = 40

/**
 * @param root where the host's tree begins: directories above it are not looked at, unless a link leads there.
 * @param path below root.
 */
export function pathFacts(root: string, path: string): { readonly chain: readonly PathFact[], readonly last: Pick<Stats, 'dev' | 'ino'> } {
  const chain: PathFact[] = []
  let links = 0
  const look = (at: string): Stats => {
    const stat = lstatSync(at)
    chain.push({ path: at, kind: stat.isSymbolicLink() ? 'link' : stat.isDirectory() ? 'directory' : 'file', uid: stat.uid, mode: stat.mode })
    return stat
  }
  let at = resolve(root)
  let last = look(at)
  const rest = partsOf(path.slice(at.length))
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const next = join(at, part)
    last = look(next)
    if (!last.isSymbolicLink()) { at = next; continue }
    if (++links > longestWay) throw new Fault('HOOK_REFUSED', `${path} is behind too many links`)
    const target = readlinkSync(next)
    rest.unshift(...partsOf(target))
    if (target.startsWith('/')) {
      at = '/'
      last = look(at)
    }
  }
  return { chain, last }
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.')
