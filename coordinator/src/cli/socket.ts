// Where the CLI finds its coordinator when nobody says: listen.socket of the configuration and nothing else of it. A
// configuration that the running coordinator would refuse must not lock the operator out in the middle of a window.
import { readFileSync } from 'node:fs'
import { valueIn } from '@pitstop/shared/configuration'
import { errorCode, unreadable } from '../adapters/file-fault.ts'
import { defaultConfigurationFile, defaultSocket } from '../config.ts'

/**
 * @param usual the file that need not be there.
 * @throws Fault when a file named by hand cannot be read: a typo must not reach another fleet.
 */
export function socketOf(file: string, warn: (text: string) => void, usual = defaultConfigurationFile): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (file !== usual) throw unreadable(file, error, { code: 'INVALID_CONFIGURATION', hint: 'name another file with --config, or the socket itself with --socket' })
    if (errorCode(error) !== 'ENOENT') warn(`${file} cannot be read (${errorCode(error)}); trying the usual socket ${defaultSocket}`)
    return defaultSocket
  }
  const { value, broken } = valueIn(text, ['listen', 'socket'])
  if (typeof value === 'string' && value.startsWith('/')) return value
  if (broken || value !== undefined) warn(`${file} does not say its socket legibly; trying the usual one, ${defaultSocket}; see pitstop coordinator --check`)
  return defaultSocket
}
