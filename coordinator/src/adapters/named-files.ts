// Every file that the configuration names and the coordinator reads: is it there, and can the service read it? Root can
// read everything, so for root the answer is worked out for the service's user. Opens nothing but as the caller's user.
import { accessSync, constants, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Reason, reason } from '@pitstop/shared/fault'
import type { Settings } from '../config.ts'
import { type Account, mayPass, mayRead } from '../domain/may-read.ts'
import { postgresTls } from './store/postgres-address.ts'
import { errorCode, isDenied, letGroupRead, readHint } from './file-fault.ts'
import { serviceName } from './service-account.ts'

interface NamedFile { readonly key: string, readonly path: string }

function namedFiles({ file, store, storePasswordFile, tls, gitlab, alerts, tokens, inventory, gitalyTokenFile, gitalyAuthority }: Settings): readonly NamedFile[] {
  const named = (key: string, path: string | undefined): NamedFile[] => (path === undefined ? [] : [{ key, path: resolve(path) }])
  const fileOf = (source: object | undefined): string | undefined => (source !== undefined && 'file' in source ? String(source.file) : undefined)
  const database = postgresTls(store)
  return [
    ...named('the configuration', file), ...named('store-password-file', storePasswordFile),
    ...named('sslrootcert in store', database?.authority), ...named('sslcert in store', database?.certificate), ...named('sslkey in store', database?.key), ...named('tls.certificate', tls.certificate), ...named('tls.key', tls.key), ...named('tls.authority', tls.authority),
    ...named('gitlab.token-file', fileOf(gitlab.token)), ...named('gitlab.assigner.token-file', fileOf(gitlab.assigner?.token)),
    ...named('alerts.token-file', alerts?.token?.file), ...named('alerts.ca-file', alerts?.authority),
    ...named('inventory.file', fileOf(inventory)), ...named('gitaly-token-file', gitalyTokenFile), ...named('gitaly-authority', gitalyAuthority),
    ...tokens.flatMap(({ name, secret }) => named(`tokens (${name})`, fileOf(secret)))
  ]
}

/** @param account whose rights count; undefined = those of this process. */
export const fileProblems = (settings: Settings, account: Account | undefined): readonly Reason[] =>
  namedFiles(settings).flatMap(({ key, path }) => problemOf(key, path, account) ?? [])

function problemOf(key: string, path: string, account: Account | undefined): Reason | undefined {
  try {
    const facts = statSync(path)
    if (!facts.isFile()) return reason('INVALID_CONFIGURATION', `${key}: ${path} is no file`, 'name a file')
    if (account === undefined) {
      accessSync(path, constants.R_OK)
      return undefined
    }
    const closed = foldersOf(path).find((folder) => !mayPass(account, statSync(folder)))
    if (closed !== undefined) return reason('PERMISSION_DENIED', `${key}: ${path} cannot be reached by user ${serviceName}: ${closed} is closed to it`, `chgrp ${serviceName} ${closed} && chmod g+rx ${closed}`)
    return mayRead(account, facts) ? undefined : reason('PERMISSION_DENIED', `${key}: ${path} cannot be read by user ${serviceName}`, letGroupRead(path))
  } catch (error) {
    return isDenied(error) ? reason('PERMISSION_DENIED', `${key}: ${path} cannot be read (${errorCode(error)})`, readHint(path))
      : reason('INVALID_CONFIGURATION', `${key}: ${path} cannot be read (${errorCode(error)})`, `put the file there, or name another one in ${key === 'the configuration' ? '--config' : key}`)
  }
}

/** From the root down. */
function foldersOf(path: string): readonly string[] {
  const folder = dirname(path)
  return folder === path ? [] : [...foldersOf(folder), folder]
}
