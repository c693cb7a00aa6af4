// Does a process that was written down still live? Its id alone says nothing: ids are used again. With the instant of its
// start, in the kernel's ticks since the boot, it is one process of one boot. Reads the /proc that this process lives in.
import { readFileSync } from 'node:fs'

export interface StartedProcess {
  readonly pid: number
  readonly started: string
}

/** undefined = no such process, or one that has ended and nobody has reaped yet. @throws what the file system throws otherwise. */
export const startOf = (pid: number): string | undefined => lifeOf(pid)?.started

/** What the kernel calls S: it waits for something that may come. @throws what the file system throws. */
export const sleeps = (pid: number): boolean => lifeOf(pid)?.state === 'S'

/** What cannot be read is not known to be gone. */
export function mayLive({ pid, started }: StartedProcess): boolean {
  try { return startOf(pid) === started } catch { return true }
}

function lifeOf(pid: number): { readonly state: string | undefined, readonly started: string | undefined } | undefined {
  let stat: string
  try { stat = readFileSync(`/proc/${pid}/stat`, 'utf8') } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
  // Field 2, the name, may hold anything; behind it stand field 3, the state, and field 22, the start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { state: fields[0], started: fields[19] }
}
