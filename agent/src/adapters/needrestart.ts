// needrestart(1): what runs with files that are no longer on the disk. It walks through all processes, for seconds on a busy
// host: never inside an outage. Lists only; must never restart anything.
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { asFault, chain } from '@pitstop/shared/fault'
import { type NeedrestartReading, parseNeedrestart } from '../domain/needrestart.ts'
import type { Known } from '../domain/veto.ts'
import type { RunCommand } from '../ports.ts'
import { outputOf } from './run-command.ts'

const deadlineMs = 60_000

/** undefined = not installed, which is fine. */
export async function askNeedrestart(run: RunCommand, path: readonly string[]): Promise<Known<NeedrestartReading> | undefined> {
  if (!path.some((folder) => isExecutable(join(folder, 'needrestart')))) return undefined
  try {
    const text = await outputOf(run, { argv: ['needrestart', '-b', '-r', 'l'], deadlineMs })
    const value = parseNeedrestart(text)
    return value === undefined ? { unknown: `its output is not understood: ${text.trim().slice(0, 200)}` } : { value }
  } catch (error) { return { unknown: chain(asFault(error)) } }
}

function isExecutable(path: string): boolean {
  try { accessSync(path, constants.X_OK); return true } catch { return false }
}
