// Where an SQLite store is to lie: told apart what cannot be a store's file before SQLite says "unable to open" of all of
// it alike. Makes missing folders, one by one: Node's recursive making never ends where the system lets nobody make any.
import { mkdirSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { asFault, Fault, type Reason } from '@pitstop/shared/fault'
import { errorCode, isDenied } from '../file-fault.ts'
import { serviceName } from '../service-account.ts'

/** @throws Fault INVALID_CONFIGURATION: no file can be there. STORE_UNAVAILABLE: the folder is missing and cannot be made, or is closed to us. */
export function preparePlace(path: string): void {
  refusePlace(path)
  if (factsOf(path) === undefined) makeFolder(dirname(path))
}

/** Why no store can be there, as far as looking tells; undefined = nothing speaks against it. Makes nothing. */
export function placeProblem(path: string): Reason | undefined {
  try {
    refusePlace(path)
    return undefined
  } catch (error) {
    return asFault(error).toReason()
  }
}

function refusePlace(path: string): void {
  const there = factsOf(path)
  if (there?.isDirectory() === true) throw new Fault('INVALID_CONFIGURATION', `${path} is a folder, and the store is one file`, { hint: `name a file in it: store: ${path.replace(/\/+$/, '')}/coordinator.db` })
  if (there !== undefined && !there.isFile()) throw new Fault('INVALID_CONFIGURATION', `${path} is no regular file, and the store has to be one`, { hint: 'name another path in store; one that is not there yet is made' })
  if (there === undefined) refuseFileOnTheWay(dirname(path))
}

function refuseFileOnTheWay(folder: string): void {
  const there = factsOf(folder)
  if (there?.isDirectory() === false) throw new Fault('INVALID_CONFIGURATION', `${folder} is a file, and the store is to lie below it`, { hint: 'name another path in store' })
  if (there === undefined) refuseFileOnTheWay(dirname(folder))
}

function makeFolder(folder: string): void {
  if (factsOf(folder) !== undefined) return
  makeFolder(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o750 })
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return
    const hint = isDenied(error) ? `make it for the user that runs the coordinator: install -d -o ${serviceName} -g ${serviceName} -m 0750 ${folder}` : 'name a path in store on a file system of this machine\'s own that can be written'
    throw new Fault('STORE_UNAVAILABLE', `the store's folder ${folder} is not there and cannot be made (${errorCode(error)})`, { hint, cause: error })
  }
}

/** Undefined: nothing is there. */
function factsOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    const hint = isDenied(error) ? 'the user that runs the coordinator must be able to enter each folder on the way to the store' : 'name another path in store'
    throw new Fault('STORE_UNAVAILABLE', `the store ${path} cannot be looked at (${code})`, { hint, cause: error })
  }
}
