// Which time the files of a package bear: SOURCE_DATE_EPOCH, else the last commit's, so that building twice is the same.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './bundle.ts'
import { output } from './command.ts'

/** Unix seconds. */
export async function sourceDate(): Promise<number> {
  const given = Number(process.env['SOURCE_DATE_EPOCH'] ?? Number.NaN)
  if (Number.isSafeInteger(given)) return given
  try {
    return Number((await output(['git', 'log', '-1', '--format=%ct'], { cwd: repository })).trim())
  } catch {
    // Not a checkout.
    return Math.floor(statSync(join(repository, 'package.json')).mtimeMs / 1000)
  }
}
