// Files that survive a power cut: temp + fsync + rename (or link, for "the first one wins") + fsync of the directory.
// Synchronous on purpose: nothing may be answered before it is on disk. An unreadable file is a fault, never "empty".
import * as nodeFs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'

/** The calls used, so that a test can end the world between any two of them. */
export type FileSystem = Pick<typeof nodeFs, 'openSync' | 'writeSync' | 'fsyncSync' | 'closeSync' | 'renameSync' | 'linkSync' |
  'unlinkSync' | 'mkdirSync' | 'readFileSync' | 'readdirSync'>

export interface StateFiles {
  readonly replace: (path: string, value: object) => void
  /** False when the file exists already; its content is then whole and somebody else's. */
  readonly createOnce: (path: string, value: object) => boolean
  /** undefined = no such file. @throws Fault STATE_UNREADABLE. */
  readonly read: (path: string) => unknown
  readonly list: (directory: string) => readonly string[]
  readonly makeDirectory: (path: string) => void
}

const formatVersion = 1
let serial = 0

export function stateFiles(fs: FileSystem = nodeFs): StateFiles {
  const syncDirectory = (directory: string): void => {
    const fd = fs.openSync(directory, 'r')
    try { fs.fsyncSync(fd) } finally { fs.closeSync(fd) }
  }
  const writeTemporary = (path: string, value: object): string => {
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${++serial}.tmp`)
    const fd = fs.openSync(temporary, 'w', 0o600)
    try {
      const bytes = Buffer.from(`${JSON.stringify({ version: formatVersion, ...value })}\n`)
      for (let written = 0; written < bytes.length;) written += fs.writeSync(fd, bytes, written)
      fs.fsyncSync(fd)
    } finally { fs.closeSync(fd) }
    return temporary
  }
  const told = <T>(path: string, act: () => T): T => {
    try { return act() } catch (error) {
      throw error instanceof Fault ? error : new Fault('STATE_UNREADABLE', `${path} cannot be written`, { cause: error, hint: 'make room or mend the permissions of the state directory' })
    }
  }
  return {
    replace: (path, value) => told(path, () => {
      fs.renameSync(writeTemporary(path, value), path)
      syncDirectory(dirname(path))
    }),
    createOnce: (path, value) => told(path, () => {
      const temporary = writeTemporary(path, value)
      try {
        fs.linkSync(temporary, path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        return false
      } finally { fs.unlinkSync(temporary) }
      syncDirectory(dirname(path))
      return true
    }),
    read: (path) => {
      let text: string
      try { text = fs.readFileSync(path, 'utf8') } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw new Fault('STATE_UNREADABLE', `${path} cannot be read`, { cause: error })
      }
      return understood(path, text)
    },
    list: (directory) => {
      try { return fs.readdirSync(directory).filter((name) => !name.startsWith('.')) } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw new Fault('STATE_UNREADABLE', `${directory} cannot be read`, { cause: error })
      }
    },
    makeDirectory: (path) => told(path, () => {
      fs.mkdirSync(path, { recursive: true, mode: 0o700 })
      syncDirectory(dirname(path))
    })
  }
}

function understood(path: string, text: string): unknown {
  let value: unknown
  try { value = JSON.parse(text) } catch (error) {
    throw new Fault('STATE_UNREADABLE', `${path} is no JSON`, { cause: error })
  }
  const version = value !== null && typeof value === 'object' ? (value as { version?: unknown }).version : undefined
  if (version !== formatVersion) throw new Fault('STATE_UNREADABLE', `${path} has format version ${String(version)}; this release reads ${formatVersion}`)
  return value
}
