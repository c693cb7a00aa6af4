// Puts a built API on the wire: a unix socket for this host's operators, TCP for everybody else. Plain HTTP on TCP only
// where nobody else can listen (loopback); otherwise TLS with the coordinator's certificate, reloaded without restart.
import { accessSync, constants, existsSync, readFileSync, statSync, unlinkSync } from 'node:fs'
import { connect, isIPv4 } from 'node:net'
import { dirname } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import { isDenied } from '../adapters/file-fault.ts'
import type { Api } from './ports.ts'

export interface TlsFiles { readonly certificate: string, readonly key: string }

/** How often a renewed certificate is looked for. */
const usualReloadMs = 10_000

export function splitHostPort(text: string): { host: string, port: number } {
  const at = text.lastIndexOf(':')
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) }
}

export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))

export const readPair = ({ certificate, key }: TlsFiles): { cert: string, key: string } => ({ cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') })

/** @returns the URL with the port that was bound. @throws Fault INVALID_CONFIGURATION when the port is taken. */
export async function listenTcp(api: Api, listen: string, tls: TlsFiles | undefined, reloadEveryMs = usualReloadMs): Promise<string> {
  const { host, port } = splitHostPort(listen)
  try {
    await api.listen({ host, port })
  } catch (error) {
    throw new Fault('INVALID_CONFIGURATION', `cannot listen for HTTP on ${listen}`, { cause: error, hint: 'is the port taken? change listen.http' })
  }
  if (tls !== undefined) reloadCertificate(api, tls, reloadEveryMs)
  const address = api.server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${bound}`
}

/** Asked before anything lasting is made. @throws Fault INVALID_CONFIGURATION, PERMISSION_DENIED */
export function requireSocketFolder(path: string): void {
  const folder = dirname(path)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new Fault(isDenied(error) ? 'PERMISSION_DENIED' : 'INVALID_CONFIGURATION', `cannot listen on the socket ${path}: its folder ${folder} is not there or not writable`,
      { cause: error, hint: 'the service makes it: systemctl start pitstop-coordinator; by hand: make the folder, or change listen.socket' })
  }
}

/** Mode 0600: whoever may open it is an operator of this host. */
export async function listenSocket(api: Api, path: string): Promise<void> {
  await removeStale(path)
  // Before the bind, not after: there must be no moment in which others could connect.
  const before = process.umask(0o177)
  try {
    await api.listen({ path })
  } catch (error) {
    throw new Fault('INVALID_CONFIGURATION', `cannot listen on the socket ${path}`, { cause: error, hint: 'check that its folder exists and is writable, or change listen.socket' })
  } finally {
    process.umask(before)
  }
}

/** A socket that a killed coordinator left behind; one that answers is another's and stays. */
async function removeStale(path: string): Promise<void> {
  if (!existsSync(path)) return
  if (!statSync(path).isSocket()) throw new Fault('INVALID_CONFIGURATION', `${path} is there and is no socket`, { hint: 'change listen.socket' })
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => { probe.destroy(); resolve(true) })
    probe.once('error', () => { resolve(false) })
  })
  if (answers) throw new Fault('STORE_BUSY', `another coordinator listens on ${path}`, { hint: 'stop it first, or give this one another listen.socket' })
  unlinkSync(path)
}

function reloadCertificate(api: Api, files: TlsFiles, everyMs: number): void {
  const stamp = (): string => [files.certificate, files.key].map((path) => statSync(path).mtimeMs).join(' ')
  let read = stamp()
  const timer = setInterval(() => {
    try {
      const present = stamp()
      if (present === read) return
      ;(api.server as unknown as { setSecureContext(pair: { cert: string, key: string }): void }).setSecureContext(readPair(files))
      read = present
    } catch {
      // Half-written or mismatching: the old pair goes on and the files are read again at the next turn.
    }
  }, everyMs)
  timer.unref()
  api.server.once('close', () => { clearInterval(timer) })
}
