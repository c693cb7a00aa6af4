// Reads the hook directories and the facts that trust is decided from. Runs nothing and decides nothing: domain/hook and
// domain/hook-trust do. Used by agent and units alike: imports nothing heavy.
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { asFault, chain, type Reason, reason } from '@pitstop/shared/fault'
import { type Hook, hookStages, type HookEntry, type HookStage, selectHooks } from '../domain/hook.ts'
import { distrust, notAProgram } from '../domain/hook-trust.ts'
import type { HostSettings } from '../ports.ts'
import { pathFacts } from './path-facts.ts'

export interface HookDirectory {
  readonly stage: HookStage
  readonly directory: string
  readonly hooks: readonly Hook[]
  readonly ignored: readonly string[]
  /** Why these hooks may not be run; none = they may. */
  readonly problems: readonly Reason[]
}

export interface Hooks {
  /** A directory that does not exist has no hooks. Never throws: what cannot be read is a problem. */
  readonly read: (stage: HookStage) => HookDirectory
  readonly readAll: () => readonly HookDirectory[]
  /** Of one program, right before it is started. */
  readonly distrusted: (path: string) => readonly Reason[]
}

const missing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

/** @param owners uids that are trusted. */
export function hooksOf({ root, hooks: { directory } }: Pick<HostSettings, 'root' | 'hooks'>, owners: readonly number[] = [0, process.geteuid?.() ?? 0]): Hooks {
  const distrusted = (path: string): readonly Reason[] => guarded(path, () => {
    const facts = pathFacts(root, path)
    const reasons = distrust(facts.chain, owners)
    return reasons.length > 0 ? reasons : unstartable(path, facts)
  })
  const read = (stage: HookStage): HookDirectory => {
    const folder = join(root, directory, stage)
    const nothing = { stage, directory: folder, hooks: [], ignored: [], problems: [] }
    let names: readonly string[]
    try { names = readdirSync(folder) } catch (error) {
      return missing(error) ? nothing : { ...nothing, problems: [unreadable(folder, error)] }
    }
    const selection = selectHooks(stage, folder, names.map((name) => entry(folder, name)))
    const problems = [
      ...selection.problems,
      ...guarded(folder, () => distrust(pathFacts(root, folder).chain, owners)),
      ...selection.hooks.flatMap(({ path, undo }) => [...distrusted(path), ...undo === undefined ? [] : distrusted(undo)])
    ]
    // The same parent directory stands in the way of each hook below it: said once.
    return { stage, directory: folder, hooks: selection.hooks, ignored: selection.ignored, problems: [...new Map(problems.map((each) => [each.text, each])).values()] }
  }
  return { read, readAll: () => hookStages.map(read), distrusted }
}

function entry(folder: string, name: string): HookEntry {
  const path = join(folder, name)
  try {
    const stat = statSync(path)
    return { name, kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other', executable: (stat.mode & 0o111) !== 0 }
  } catch { return { name, kind: 'broken-link', executable: false } }
}

/** The opened file must be the one that was looked at on the way, and something that the kernel can start. */
function unstartable(path: string, { last }: ReturnType<typeof pathFacts>): readonly Reason[] {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (stat.dev !== last.dev || stat.ino !== last.ino) return [reason('HOOK_REFUSED', `${path} was exchanged while it was looked at`, 'find out who writes there')]
    const head = Buffer.alloc(4)
    const length = readSync(fd, head, 0, head.length, 0)
    const magic = head.toString('latin1', 0, length)
    return magic.startsWith('#!') || magic === '\u007fELF' ? [] : [notAProgram(path)]
  } finally { closeSync(fd) }
}

function guarded(path: string, look: () => readonly Reason[]): readonly Reason[] {
  try { return look() } catch (error) { return [unreadable(path, error)] }
}

const unreadable = (path: string, error: unknown): Reason =>
  reason('HOOK_REFUSED', `${path} cannot be looked at: ${chain(asFault(error))}`, `on the host: ls -ld ${path}`)
