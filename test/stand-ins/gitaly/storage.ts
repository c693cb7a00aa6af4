// A storage of the stand-in Gitaly: its identity file, made at start only when it is absent (so an unmounted data
// disk gets a new one), and the real try to write that ServerInfo reports.
import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'

export interface Storage { readonly name: string, readonly folder: string }

const metadataPath = (folder: string): string => `${folder}/.gitaly-metadata`

/** @throws when the folder cannot be written. */
export function ensureMetadata({ folder }: Storage): void {
  if (filesystemId(folder) !== '') return
  writeFileSync(metadataPath(folder), JSON.stringify({ gitaly_filesystem_id: randomUUID() }))
}

export function filesystemId(folder: string): string {
  try {
    return (JSON.parse(readFileSync(metadataPath(folder), 'utf8')) as { gitaly_filesystem_id: string }).gitaly_filesystem_id
  } catch {
    return ''
  }
}

export function isReadable(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
}

export function isWriteable(folder: string): boolean {
  const trial = `${folder}/+testWrite`
  try {
    writeFileSync(trial, '')
    rmSync(trial)
    return true
  } catch {
    return false
  }
}
