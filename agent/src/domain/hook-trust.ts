// May root run this file? Only if nobody but root could have written it, or could put another one in its place: the file,
// its directory, all their parents and every link on the way. Facts in, all reasons out. Pure; asked at admission and
// again right before each start.
import { type Reason, reason } from '@pitstop/shared/fault'
import { typed } from './typed.ts'

/** One step of the way that the kernel takes to the file, the file itself last. */
export interface PathFact {
  readonly path: string
  readonly kind: 'directory' | 'file' | 'link'
  readonly uid: number
  readonly mode: number
}

const writableByGroup = 0o020
const writableByOthers = 0o002

/** @param owners uids that are trusted: root, and the uid that the agent itself runs under. */
export function distrust(chain: readonly PathFact[], owners: readonly number[]): readonly Reason[] {
  const reasons = new Map<string, Reason>()
  for (const { path, kind, uid, mode } of chain) {
    const wrong: string[] = []
    const hints: string[][] = []
    if (!owners.includes(uid)) {
      wrong.push(`owned by uid ${uid}`)
      hints.push(['chown', ...kind === 'link' ? ['-h'] : [], 'root:root', path])
    }
    // A link's own mode means nothing: who may replace it is said by its directory.
    const by = kind === 'link' ? [] : [...(mode & writableByGroup) === 0 ? [] : ['its group'], ...(mode & writableByOthers) === 0 ? [] : ['everybody']]
    if (by.length > 0) {
      wrong.push(`writable by ${by.join(' and ')}`)
      hints.push(['chmod', 'go-w', path])
    }
    if (wrong.length === 0) continue
    reasons.set(path, reason('HOOK_REFUSED', `${path} is ${wrong.join(' and ')}: hooks run as root, so only root may be able to change them`,
      `on the host: ${hints.map((hint) => typed(hint)).join(' && ')}`))
  }
  return [...reasons.values()]
}

/** A file that the kernel cannot start by itself would be handed to a shell instead. */
export const notAProgram = (path: string): Reason =>
  reason('HOOK_REFUSED', `${path} neither begins with #! nor is it an ELF program`, 'on the host: let it begin with #!/bin/sh, or with what it is written in')
