// A file that cannot be read or written, as a Fault: rights are told apart from wrong paths, for they are mended by
// another command and end with another exit code. Never repeats what is in a file.
import { dirname } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import type { FaultCode } from '@pitstop/shared/fault-table'
import { serviceGroup, serviceName } from './service-account.ts'

export const errorCode = (error: unknown): string => (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error'

export const isDenied = (error: unknown): boolean => ['EACCES', 'EPERM'].includes(errorCode(error))

export const letGroupRead = (path: string): string => `chgrp ${serviceName} ${path} && chmod 640 ${path}`

/** For the service the file's group is mended; a person asks with more rights. */
export const readHint = (path: string): string => `for the service: ${letGroupRead(path)}; for yourself: sudo pitstop …`

/** @param otherwise code and hint when rights are not the trouble. */
export function unreadable(path: string, error: unknown, otherwise: { readonly code: FaultCode, readonly hint: string }): Fault {
  const [code, hint] = isDenied(error) ? ['PERMISSION_DENIED' as const, readHint(path)] : [otherwise.code, otherwise.hint]
  return new Fault(code, `${path} cannot be read (${errorCode(error)})`, { hint, cause: error })
}

/** What is to be written there is often a key. Not made by us: a mistyped path would become a folder, and one of root's own the service could not enter. */
const makeFolder = (folder: string): string =>
  `make the folder first: install -d ${serviceGroup() === undefined ? '-m 0700' : `-g ${serviceName} -m 0750`} ${folder}; or name another file`

export function unwritable(path: string, error: unknown): Fault {
  const missing = errorCode(error) === 'ENOENT'
  const [code, hint] = isDenied(error)
    ? ['PERMISSION_DENIED' as const, 'type it again with sudo: sudo pitstop …, or name a folder of your own']
    : ['INVALID_INPUT' as const, missing ? makeFolder(dirname(path)) : 'check that the folder is one, and is writable']
  return new Fault(code, missing ? `${path} cannot be written: the folder ${dirname(path)} does not exist` : `${path} cannot be written (${errorCode(error)})`, { hint, ...missing ? {} : { cause: error } })
}

/** Anything thrown that is the system's "no" to a user who may not; undefined when it is something else. */
export function deniedFault(error: unknown): Fault | undefined {
  if (error instanceof Fault || !isDenied(error)) return undefined
  const { path, syscall } = error as NodeJS.ErrnoException
  return new Fault('PERMISSION_DENIED', `you may not ${syscall ?? 'use'} ${path ?? 'a file'} (${errorCode(error)})`, { hint: 'type it again with sudo: sudo pitstop …', cause: error })
}
