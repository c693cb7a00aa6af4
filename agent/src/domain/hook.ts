// Which files of a hook directory are hooks, as run-parts chooses them: names of letters, digits, "_" and "-" in the order
// of LC_ALL=C, executable regular files. NAME.undo beside a hook puts back what the hook did. What could have been meant
// as a hook and cannot be run is a problem, never silently left out; everything else is ignored, and listed by doctor.
import { type Reason, reason } from '@pitstop/shared/fault'
import { typed } from './typed.ts'

export const hookStages = ['before-upgrade', 'before-reboot', 'after-ready'] as const
export type HookStage = (typeof hookStages)[number]

/** A name in the directory and what is behind it, links followed. */
export interface HookEntry {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'broken-link' | 'other'
  readonly executable: boolean
}

export interface Hook {
  readonly stage: HookStage
  readonly name: string
  readonly path: string
  /** Path of its undo, if it has one. */
  readonly undo?: string
}

export interface HookSelection {
  readonly hooks: readonly Hook[]
  /** Each with why. */
  readonly ignored: readonly string[]
  readonly problems: readonly Reason[]
}

const hookName = /^[A-Za-z0-9_-]+$/
/** The name is part of the undo's promise, which is a file's name. */
const longestName = 50

export function selectHooks(stage: HookStage, directory: string, entries: readonly HookEntry[]): HookSelection {
  const hooks: Hook[] = []
  const ignored: string[] = []
  const problems: Reason[] = []
  const at = (name: string): string => `${directory}/${name}`
  const undos = new Map(entries.filter(({ name }) => name.endsWith('.undo')).map((entry) => [entry.name.slice(0, -'.undo'.length), entry]))
  // Names are ASCII once they have passed: code units are bytes.
  for (const entry of [...entries].sort((a, b) => a.name < b.name ? -1 : 1)) {
    const { name } = entry
    if (name.endsWith('.undo')) continue
    if (!hookName.test(name)) { ignored.push(`${at(name)}: the name has other characters than letters, digits, "_" and "-"`); continue }
    if (entry.kind === 'broken-link') problems.push(reason('HOOK_REFUSED', `${at(name)} is a link that leads nowhere`, `on the host: ${typed(['rm', at(name)])}, or restore its target`))
    else if (entry.kind !== 'file') ignored.push(`${at(name)}: not a regular file`)
    else if (!entry.executable) ignored.push(`${at(name)}: not executable`)
    else if (name.length > longestName) problems.push(reason('HOOK_REFUSED', `${at(name)} has a name of more than ${longestName} characters`, 'on the host: give it a shorter name'))
    else {
      const undo = undos.get(name)
      if (undo !== undefined && !(undo.kind === 'file' && undo.executable)) problems.push(notAnUndo(at(undo.name)))
      hooks.push({ stage, name, path: at(name), ...undo === undefined ? {} : { undo: at(undo.name) } })
    }
  }
  for (const [name, undo] of undos) {
    if (!hooks.some((hook) => hook.name === name)) ignored.push(`${at(undo.name)}: there is no hook ${name} that it would undo`)
  }
  return { hooks, ignored, problems }
}

/** A promise that cannot be kept must not be made. */
const notAnUndo = (path: string): Reason =>
  reason('HOOK_REFUSED', `${path} is no executable file, so its hook could not be undone`, `on the host: ${typed(['chmod', '755', path])}, or remove it`)
