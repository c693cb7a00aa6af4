// TLS and passwords as a real server asks for them: who is believed, who is refused and with which words, and that no
// password is ever among them.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import { initAuthority } from '@pitstop/coordinator/pki/pki-files'
import { chain, type Fault, asFault } from '@pitstop/shared/fault'
import { createInstallation } from '../demo/installation.ts'
import { authority, issue } from '../tls/issue-certificates.ts'
import { startPostgres } from './postgres-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'pitstop-pgtls-'))
const ca = await authority(folder, 'ca', 'lab')
const otherCa = await authority(folder, 'other', 'lab')
const long = { key: join(folder, 'long.key'), certificate: join(folder, 'long.pem'), fleet: 'lab' }
const yearMs = 365 * 86_400_000
await initAuthority(long, 'lab', Date.now() - yearMs)
const [named, expired, foreign, own, ownOfOther] = [
  await issue(ca, 'coordinator', 'localhost'), await issue(long, 'coordinator', 'localhost', Date.now() - yearMs / 2, 90), await issue(otherCa, 'coordinator', 'localhost'),
  await issue(ca, 'coordinator', 'pitstop.test'), await issue(otherCa, 'coordinator', 'pitstop.test')
]
const server = await startPostgres({ tls: named, hosts: ['hostssl all pitstop 127.0.0.1/32 scram-sha-256', 'hostssl all guarded 127.0.0.1/32 scram-sha-256 clientcert=verify-ca'] })
t.teardown(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})
const secret = 'correct horse/battery:staple@'
const passwordFile = join(folder, 'password')
writeFileSync(passwordFile, `${secret}\n`, { mode: 0o600 })
const database = new URL(await server.createDatabase()).pathname
await server.query(`postgres://x@x${database}`, `alter role pitstop password '${secret}'`)
await server.query(`postgres://x@x${database}`, `create role guarded login password '${secret}' in role pitstop`)

const at = (parameters: string, { host = 'localhost', user = 'pitstop' } = {}): string => `postgres://${user}@${host}:${server.port}${database}${parameters === '' ? '' : `?${parameters}`}`
const verified = `sslmode=verify-full&sslrootcert=${ca.certificate}`

/** Opens, asks and closes: "good", or the fault as a person sees it. */
async function outcome(store: string, file: string | null = passwordFile): Promise<Fault | 'good'> {
  try {
    const opened = await openStore(store, 'lab', Date.now, { deadlineMs: 3000, ...file === null ? {} : { passwordFile: file } })
    try {
      await opened.readLease()
      return 'good'
    } finally { await opened.close() }
  } catch (error) { return asFault(error) }
}

/** Refused with this code, text and hint; and no secret in anything that a person is shown. */
function refused(t: Test, found: Fault | 'good', { code = 'STORE_UNAVAILABLE', text, hint }: { readonly code?: string, readonly text: RegExp, readonly hint: RegExp }): void {
  if (found === 'good') return void t.fail(`accepted, and should have been refused with ${text}`)
  t.equal(found.code, code)
  t.match(chain(found), text)
  t.match(found.hint, hint)
  t.notMatch(`${chain(found)} ${found.hint} ${JSON.stringify(found)}`, /horse|staple/)
}

void t.test('verify-full believes a server of our authority and of this name, and nobody else', async (t) => {
  t.equal(await outcome(at(verified)), 'good')
  const authorityHint = { text: /self-signed certificate in certificate chain/, hint: /sslrootcert=/ }
  refused(t, await outcome(at(`sslmode=verify-full&sslrootcert=${otherCa.certificate}`)), authorityHint)
  refused(t, await outcome(at('sslmode=verify-full')), authorityHint)
  // An address instead of a name: the certificate is compared with it all the same.
  refused(t, await outcome(at(verified, { host: '127.0.0.1' })), { text: /does not match certificate's altnames/, hint: /name the server in store as its certificate does/ })
  for (const [shown, trusted, text, hint] of [[expired, long.certificate, /certificate has expired/, /renew the database server's certificate/], [foreign, ca.certificate, /self-signed certificate in certificate chain/, /sslrootcert=/]] as const) {
    await server.present(shown)
    refused(t, await outcome(at(`sslmode=verify-full&sslrootcert=${trusted}`)), { text, hint })
  }
  await server.present(named)
})

void t.test('what the other modes leave out: verify-ca the name, require everything, disable TLS itself', async (t) => {
  t.equal(await outcome(at(`sslmode=verify-ca&sslrootcert=${ca.certificate}`, { host: '127.0.0.1' })), 'good')
  refused(t, await outcome(at(`sslmode=verify-ca&sslrootcert=${otherCa.certificate}`)), { text: /self-signed/, hint: /sslrootcert=/ })
  t.equal(await outcome(at('sslmode=require')), 'good')
  refused(t, await outcome(at(`sslmode=require&sslrootcert=${otherCa.certificate}`)), { text: /self-signed/, hint: /sslrootcert=/ })
  for (const plain of ['sslmode=disable', '']) refused(t, await outcome(at(plain)), { text: /no pg_hba\.conf entry .* no encryption/, hint: /sslmode=verify-full/ })
  await server.present(null)
  for (const mode of ['require', 'verify-full']) refused(t, await outcome(at(`sslmode=${mode}`)), { text: /the database server has no TLS/, hint: /ssl = on/ })
  await server.present(named)
})

void t.test('a server that wants a certificate of ours is told apart from one that does not believe it', async (t) => {
  const guarded = (certificate: string, key: string): Promise<Fault | 'good'> => outcome(at(`${verified}&sslcert=${certificate}&sslkey=${key}`, { user: 'guarded' }))
  t.equal(await guarded(own.certificate, own.key), 'good')
  refused(t, await outcome(at(verified, { user: 'guarded' })), { text: /requires a valid client certificate/, hint: /sslcert=.*sslkey=/ })
  refused(t, await guarded(ownOfOther.certificate, ownOfOther.key), { text: /TLS: .*alert unknown ca/, hint: /refuses our client certificate.*ssl_ca_file/ })
  refused(t, await guarded(own.certificate, ownOfOther.key), { text: /key values mismatch/, hint: /sslkey is not the key of sslcert/ })
})

void t.test('a password comes from a file, as it stands there; what is wrong with it is said and it is not', async (t) => {
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  t.equal(await outcome(at(verified), file('bare', secret)), 'good', 'a line\'s end is no part of it')
  t.equal(await outcome(at(verified), file('dos', `${secret}\r\n`)), 'good')
  refused(t, await outcome(at(verified), file('wrong', `${secret}x\n`)), { text: /password authentication failed for user "pitstop"/, hint: /store-password-file/ })
  refused(t, await outcome(at(verified), file('empty', '\n')), { text: /empty is empty/, hint: /write the database user's password into/ })
  refused(t, await outcome(at(verified), join(folder, 'nowhere')), { text: /nowhere cannot be read \(ENOENT\)/, hint: /store-password-file/ })
  const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
  const had = sockets()
  refused(t, await outcome(at(verified), null), { text: /asks for a password, and there is none/, hint: /store-password-file/ })
  // The server would wait a minute for that password, and a process that ends for the connection.
  for (const end = Date.now() + 5000; sockets() > had && Date.now() < end;) await new Promise((resolve) => { setTimeout(resolve, 10) })
  t.ok(sockets() <= had, 'nothing of it is left open')

  const before = process.env['PGPASSFILE']
  t.teardown(() => { if (before === undefined) delete process.env['PGPASSFILE']; else process.env['PGPASSFILE'] = before })
  process.env['PGPASSFILE'] = file('pgpass', `localhost:${server.port}:*:pitstop:${secret.replaceAll(/[:\\]/g, '\\$&')}\n`)
  t.equal(await outcome(at(verified), null), 'good', 'or as psql reads it')
})

void t.test('a named file that is missing or no PEM is told before anybody is asked', async (t) => {
  refused(t, await outcome(at(`sslrootcert=${folder}/none.pem&sslmode=verify-full`)), { code: 'INVALID_CONFIGURATION', text: /none\.pem cannot be read \(ENOENT\)/, hint: /sslrootcert/ })
  refused(t, await outcome(at(`sslrootcert=${passwordFile}&sslmode=verify-full`)), { code: 'INVALID_CONFIGURATION', text: /holds no certificate in PEM form/, hint: /sslrootcert/ })
  refused(t, await outcome(at(`${verified}&sslcert=${own.certificate}&sslkey=${own.certificate}`)), { code: 'INVALID_CONFIGURATION', text: /holds no private key/, hint: /sslkey/ })
})

void t.test('renewed files are used without a restart, and one that is gone for a moment is not missed', async (t) => {
  const [trusted, certificate, key] = ['trusted.pem', 'own.pem', 'own.key'].map((name) => join(folder, name)) as [string, string, string]
  copyFileSync(ca.certificate, trusted)
  copyFileSync(own.certificate, certificate)
  copyFileSync(own.key, key)
  const store = await openStore(at(`sslmode=verify-full&sslrootcert=${trusted}&sslcert=${certificate}&sslkey=${key}`, { user: 'guarded' }), 'lab', Date.now, { deadlineMs: 3000, passwordFile })
  t.teardown(() => store.close())
  await store.readLease()
  for (const path of [trusted, certificate, key]) rmSync(path)
  await server.present(named)
  await store.readLease()
  writeFileSync(trusted, readFileSync(otherCa.certificate))
  await server.present({ ...foreign, authority: ca.certificate })
  writeFileSync(certificate, readFileSync(own.certificate))
  writeFileSync(key, readFileSync(own.key))
  await store.readLease()
  t.pass('the new authority is believed')
  await server.present(named)
  refused(t, await store.readLease().then(() => 'good' as const, asFault), { text: /self-signed/, hint: /sslrootcert/ })
})

void t.test('the process itself: a wrong password ends it at the start with what to do; no log, answer or check ever shows one', async (t) => {
  const installation = await createInstallation({ fleet: 'lab', nodes: ['gitaly-01.test'], address: '127.0.0.1', stores: [at(verified)], coordinator: { 'store-password-file': passwordFile, 'lease': { ttl: '2s' }, 'gitlab': { 'request-timeout': '1s' } } })
  t.teardown(() => installation.close())
  await installation.configure([{ node: 'gitaly-01.test', agentAddress: '127.0.0.1:9', gitalyAddress: '' }])
  const log = (): string => readFileSync(installation.logFile, 'utf8')
  writeFileSync(passwordFile, 'another horse\n')
  const ended = asFault(await installation.startCoordinator().then(() => new Error('it acts'), (error: unknown) => error)).message
  t.match(ended, /the coordinator ended \(1\)/)
  t.match(ended, /password authentication failed[^]*store-password-file/)
  writeFileSync(passwordFile, `${secret}\n`)
  await installation.startCoordinator()
  const shown = await Promise.all([['why', '--json'], ['coordinator', '--check']].map((args) => installation.pitstop(args)))
  t.same(shown.map(({ exit }) => exit), [0, 0], shown.map(({ stderr }) => stderr).join(''))
  t.match(shown[1]?.stdout, /is good: fleet lab\nPostgreSQL \d+\.\d.* at postgres:\/\/pitstop@.*: it holds the store of fleet lab, format \d+\n$/)

  // Changed at the server under a running coordinator: it stops acting and says why, to people and to the load balancer.
  await server.query(`postgres://x@x${database}`, `alter role pitstop password 'changed'`)
  await server.query(`postgres://x@x${database}`, `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'pitstop'`)
  const readiness = await until(() => ready(installation.socket), ({ status, text }) => status === 503 && text.includes('password authentication failed'))
  t.equal(log().split('cannot act: ').length - 1 <= 2, true, 'said when it changes, not at each try')
  await server.query(`postgres://x@x${database}`, `alter role pitstop password '${secret}'`)
  await until(() => ready(installation.socket), ({ status }) => status === 200)

  const typed = join(folder, 'typed.yml')
  writeFileSync(typed, readFileSync(installation.configuration, 'utf8').replace(/^store: .*$/m, 'store: postgres://pitstop:horse@db/f'))
  const refusal = await installation.pitstop(['coordinator', '--check', '--config', typed])
  t.equal(refusal.exit, 2)
  t.match(refusal.stderr, /typed\.yml:\d+:\d+: store: must not carry the password/)
  writeFileSync(typed, readFileSync(installation.configuration, 'utf8').replace(/^store: .*$/m, 'store: postgres://pitstop@127.0.0.1:1/f'))
  const away = await installation.pitstop(['coordinator', '--check', '--config', typed])
  t.match(away, { exit: 1, stdout: '', stderr: /typed\.yml is well-formed and its files are there, but the store cannot be used now: .*ECONNREFUSED 127\.0\.0\.1:1/ })
  t.notMatch(`${log()}${ended}${JSON.stringify([...shown, refusal])}${readiness.text}`, /horse|staple|changed'/)
})

const ready = (socketPath: string): Promise<{ readonly status: number, readonly text: string }> => new Promise((resolve, reject) => {
  const asked = request({ socketPath, path: '/readyz' }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
    response.on('end', () => { resolve({ status: response.statusCode ?? 0, text }) })
  })
  asked.on('error', reject)
  asked.end()
})

async function until<T>(look: () => Promise<T>, holds: (found: T) => boolean, withinMs = 20_000): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await pause(10)) {
    const found = await look()
    if (holds(found)) return found
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(found)}`)
  }
}
