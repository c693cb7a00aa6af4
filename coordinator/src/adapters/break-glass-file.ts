// The plain file that tells a person what to put back when nothing of pitstop is left.
import { readFile } from 'node:fs/promises'
import { Fault } from '@pitstop/shared/fault'
import { isGlass } from '../domain/break-glass-lines.ts'
import { replaceFile } from './durable-file.ts'
import { errorCode, unreadable } from './file-fault.ts'

export const breakGlassFile = (path: string) => async (text: string): Promise<void> => {
  try {
    await replaceFile(path, text)
  } catch (error) {
    throw new Fault('STORE_UNAVAILABLE', `cannot write the break-glass file ${path}`, { cause: error, hint: 'check the folder and its permissions: nothing is changed without it' })
  }
}

/** Before anything is written: it replaces what is there, which may be a store or a key that was named by mistake. @throws Fault INVALID_CONFIGURATION, PERMISSION_DENIED */
export async function refuseForeignGlass(path: string): Promise<void> {
  let there: string
  try {
    there = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw unreadable(path, error, { code: 'INVALID_CONFIGURATION', hint: 'check break-glass in the configuration' })
  }
  if (isGlass(there)) return
  throw new Fault('INVALID_CONFIGURATION', `${path} is no break-glass file of pitstop, and would be replaced`, { hint: 'name another path in break-glass, or move that file away' })
}
