// The plain file that tells a person what to put back when nothing of pitstop is left.
import { Fault } from '@pitstop/shared/fault'
import { replaceFile } from './durable-file.ts'

export const breakGlassFile = (path: string) => async (text: string): Promise<void> => {
  try {
    await replaceFile(path, text)
  } catch (error) {
    throw new Fault('STORE_UNAVAILABLE', `cannot write the break-glass file ${path}`, { cause: error, hint: 'check the folder and its permissions: nothing is changed without it' })
  }
}
