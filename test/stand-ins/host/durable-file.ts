// Files that survive a power cut: written beside, synced, renamed. Used by every stand-in program of a host, so it
// imports nothing but node:fs and stays quick to start.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'

export function writeDurably(path: string, text: string): void {
  const beside = `${path}.${process.pid}.new`
  const file = openSync(beside, 'w', 0o644)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(beside, path)
}

export const writeJson = (path: string, value: unknown): void => writeDurably(path, `${JSON.stringify(value, null, 1)}\n`)

/** The JSON in a file; `absent` when there is no such file. */
export function readJson<T>(path: string, absent: T): T {
  const text = readIfThere(path)
  return text === undefined ? absent : JSON.parse(text) as T
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
