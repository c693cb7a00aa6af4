// The user that the installed service runs as, read from /etc/passwd and /etc/group: what root writes for the service is
// given to its group, and root's checks ask what that user may read. Reads those two files; changes nothing by itself.
import { readFileSync } from 'node:fs'
import type { Account } from '../domain/may-read.ts'

/** User and group of packaging/coordinator/pitstop-coordinator.service. */
export const serviceName = 'pitstop'

/** Lines of an account database; a host without one has no such account. */
function rows(file: string): readonly (readonly string[])[] {
  try {
    return readFileSync(file, 'utf8').split('\n').map((line) => line.split(':'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const idOf = (text: string | undefined): number | undefined => (text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined)

/** @returns the group's number, or undefined when the service is not installed here. */
export const serviceGroup = (etc = '/etc'): number | undefined => idOf(rows(`${etc}/group`).find(([name]) => name === serviceName)?.[2])

export function serviceAccount(etc = '/etc'): Account | undefined {
  const [, , uid, gid] = rows(`${etc}/passwd`).find(([name]) => name === serviceName) ?? []
  const [user, group] = [idOf(uid), idOf(gid)]
  if (user === undefined || group === undefined) return undefined
  const further = rows(`${etc}/group`).filter(([, , , members]) => members?.split(',').includes(serviceName)).flatMap(([, , number]) => idOf(number) ?? [])
  return { uid: user, gids: [group, ...further] }
}

export const isRoot = (): boolean => process.getuid?.() === 0

/** The group that a file of the service gets: only root can give it, and only where it exists. */
export const groupToGive = (etc?: string): number | undefined => (isRoot() ? serviceGroup(etc) : undefined)
