// The one opener of Gitaly's log. Its folder belongs to Gitaly's user, and the agent is root: a FIFO must hold up nobody, and
// a link must lead to no file elsewhere. The folder itself may be a link, and a link may lead to a neighbour in it.
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, type Stats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'

/** A descriptor of a regular file; whoever asks closes it. @throws Fault COMMAND_FAILED, or what the file system throws. */
export function openLog(path: string): number {
  const file = neighbour(path)
  // Looked at before it is opened too: to open a device may do something.
  regular(path, lstatSync(file))
  let fd: number
  try { fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW) } catch (error) {
    if (['ELOOP', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) throw irregular(path, error)
    throw error
  }
  try {
    regular(path, fstatSync(fd))
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** What `openLog` would open. */
export const logStats = (path: string): Stats => regular(path, lstatSync(neighbour(path)))

/** Where a link in the folder leads, if it stays there; one step, never two. */
function neighbour(path: string): string {
  if (!lstatSync(path).isSymbolicLink()) return path
  const to = readlinkSync(path)
  if (to !== basename(to) || ['', '.', '..'].includes(to)) throw irregular(path)
  return join(dirname(path), to)
}

function regular(path: string, stats: Stats): Stats {
  if (!stats.isFile()) throw irregular(path)
  return stats
}

const irregular = (path: string, cause?: unknown): Fault => new Fault('COMMAND_FAILED', `the log ${path} is no regular file`,
  { hint: `on the host: ls -l ${path}; a link may only lead to a file of the same folder`, ...cause === undefined ? {} : { cause } })
