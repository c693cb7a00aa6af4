// Asking a Gitaly that is a process of its own (the stand-in): every scheme, every way in which a certificate or a token is
// wrong, and that our watching never holds up its graceful stop.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { HealthService } from '@pitstop/proto'
import t from 'tap'
import { makeCertificates } from '../fixtures/fake-host.ts'
import { gitalyRpc, type GitalySettings } from './gitaly-rpc.ts'

const program = new URL('../../../test/stand-ins/gitaly/gitaly.ts', import.meta.url).pathname
const tls = makeCertificates({ named: 'DNS:gitaly.example', numbered: 'IP:127.0.0.1' })
const stranger = makeCertificates({})
t.teardown(() => { for (const folder of [tls, stranger]) rmSync(folder, { recursive: true }) })

type Teardown = { teardown: (undo: () => unknown) => void }

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => { server.close(resolve) })
  return port
}

interface Running { readonly port: number, readonly folder: string, readonly process: ChildProcess, readonly ended: Promise<unknown> }

/** Serving when it resolves. */
async function gitaly(t: Teardown, settings: object = {}): Promise<Running> {
  const folder = mkdtempSync('/tmp/pitstop-gitaly-')
  const [port, metrics] = [await freePort(), await freePort()]
  mkdirSync(join(folder, 'etc'))
  writeFileSync(join(folder, 'etc/faults.json'), '{}')
  writeFileSync(join(folder, 'etc/machine.json'), JSON.stringify({ gitaly: {
    listen: `127.0.0.1:${port}`, metrics: `127.0.0.1:${metrics}`, storages: [{ name: 's1', path: '/storage' }], startMs: 0, release: '18.5.1', wrapper: false, logLevel: 'info', gracefulMs: 3000, ...settings
  } }))
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, [program, folder], { env, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  await Promise.race([once(child.stdio[3] as NodeJS.ReadableStream, 'data'), ended.then(() => { throw new Error('the stand-in Gitaly ended') })])
  return { port, folder, process: child, ended }
}

function asker(t: Teardown, settings: Omit<GitalySettings, 'healthIntervalMs'>, offsetMs = 0): ReturnType<typeof gitalyRpc> {
  const rpc = gitalyRpc({ healthIntervalMs: 50, ...settings }, { now: () => Date.now() + offsetMs, monotonic: () => performance.now() })
  t.teardown(() => { rpc.close() })
  return rpc
}

void t.test('every scheme of Gitaly\'s own leads to it', async (t) => {
  const folder = mkdtempSync('/tmp/pitstop-socket-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socket = join(folder, 'gitaly.socket')
  const [plain, named, numbered] = await Promise.all([
    gitaly(t), gitaly(t, { tls: { certificate: `${tls}/named.pem`, key: `${tls}/named.key` } }), gitaly(t, { tls: { certificate: `${tls}/numbered.pem`, key: `${tls}/numbered.key` } }), gitaly(t, { listen: `unix:${socket}` })
  ])
  const authority = `${tls}/ca.pem`
  for (const settings of [
    { address: `127.0.0.1:${plain.port}` }, { address: `tcp://127.0.0.1:${plain.port}` }, { address: `unix:${socket}` }, { address: `unix://${socket}` },
    { address: `tls://127.0.0.1:${named.port}`, authority, serverName: 'gitaly.example' }, { address: `tls://127.0.0.1:${numbered.port}`, authority }
  ]) {
    const rpc = asker(t, settings)
    t.same(await rpc.check(), { value: 'SERVING' }, settings.address)
    t.match(await rpc.serverInfo(), { value: { version: '18.5.1', storages: [{ name: 's1', readable: true, writeable: true, filesystemId: /.{36}/ }] } })
  }
})

void t.test('a certificate that cannot be believed is told with the setting to correct', async (t) => {
  const [secure, plain] = await Promise.all([gitaly(t, { tls: { certificate: `${tls}/named.pem`, key: `${tls}/named.key` } }), gitaly(t)])
  const address = `tls://127.0.0.1:${secure.port}`
  const right = { authority: `${tls}/ca.pem`, serverName: 'gitaly.example' }
  const cases: readonly (readonly [string, Omit<GitalySettings, 'healthIntervalMs'>, RegExp])[] = [
    ['another authority', { address, ...right, authority: `${stranger}/ca.pem` }, /is of no authority in .*gitaly\.authority/],
    ['another name', { address, ...right, serverName: 'other.example' }, /not for other\.example but for DNS:gitaly\.example.*gitaly\.server-name/],
    ['an address instead of the name', { address, authority: right.authority }, /not for 127\.0\.0\.1: correct the address or gitaly\.server-name/],
    ['no such file', { address, ...right, authority: '/nowhere/ca.pem' }, /authorities.*\/nowhere\/ca\.pem.*ENOENT/],
    ['no certificate in it', { address, ...right, authority: `${tls}/ca.key` }, /holds no certificate/],
    ['no TLS there', { address: `tls://127.0.0.1:${plain.port}`, ...right }, /does not speak TLS/]
  ]
  for (const [name, settings, text] of cases) t.match(await asker(t, settings).check(), { unknown: text, trouble: 'certificate' }, name)
  t.match(await asker(t, { address: `tcp://127.0.0.1:${secure.port}` }).check(), { unknown: /UNAVAILABLE/ }, 'nothing is believed without TLS where TLS is spoken')
})

void t.test('authorities that are put right need no restart', async (t) => {
  const secure = await gitaly(t, { tls: { certificate: `${tls}/named.pem`, key: `${tls}/named.key` } })
  const authority = join(secure.folder, 'ca.pem')
  writeFileSync(authority, readFileSync(`${stranger}/ca.pem`))
  utimesSync(authority, 1000, 1000)
  const rpc = asker(t, { address: `tls://127.0.0.1:${secure.port}`, authority, serverName: 'gitaly.example' })
  t.match(await rpc.check(), { trouble: 'certificate' })
  writeFileSync(authority, readFileSync(`${tls}/ca.pem`))
  await rpc.check()
  t.same(await rpc.check(), { value: 'SERVING' })
})

void t.test('the token: from a file with a line end, read at each call, and refused in words', async (t) => {
  const folder = mkdtempSync('/tmp/pitstop-token-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  const [theirs, ours] = [join(folder, 'theirs'), join(folder, 'ours')]
  writeFileSync(theirs, 'secret')
  const { port } = await gitaly(t, { tokenFile: theirs })
  const address = `127.0.0.1:${port}`
  const rpc = asker(t, { address, tokenFile: ours })
  t.match(await rpc.check(), { unknown: /ours cannot be read \(ENOENT\)/, trouble: 'token' })
  writeFileSync(ours, '\n')
  t.match(await rpc.check(), { unknown: /ours is empty/, trouble: 'token' })
  writeFileSync(ours, 'old\n')
  t.match(await rpc.check(), { unknown: /PERMISSION_DENIED: permission denied/, trouble: 'refused' })
  writeFileSync(ours, 'secret\r\n')
  t.same(await rpc.check(), { value: 'SERVING' }, 'rotated while running')
  t.match(await asker(t, { address }).serverInfo(), { unknown: /asks for a token and there is none \(UNAUTHENTICATED: authentication required\).*gitaly\.token-file/, trouble: 'token' })
  for (const offsetMs of [-60_000, 60_000]) t.match(await asker(t, { address, tokenFile: ours }, offsetMs).check(), { trouble: 'refused' }, `a clock ${offsetMs} ms off`)
})

const told = (rpc: ReturnType<typeof gitalyRpc>, t: Teardown): { statuses: (string | undefined)[], until: (status: string | undefined) => Promise<number> } => {
  const statuses: (string | undefined)[] = []
  let wake: () => void = () => undefined
  const close = rpc.watch((status) => { statuses.push(status); wake() })
  t.teardown(close)
  return {
    statuses,
    until: async (status) => {
      while (statuses.at(-1) !== status || statuses.length === 0) await new Promise<void>((resolve) => { wake = resolve })
      return performance.now()
    }
  }
}

void t.test('our watching does not hold up Gitaly\'s graceful stop, and the stop is noticed', async (t) => {
  const running = await gitaly(t)
  const watched = told(asker(t, { address: `127.0.0.1:${running.port}` }), t)
  await watched.until('SERVING')
  const begun = performance.now()
  running.process.kill('SIGTERM')
  const noticed = await watched.until(undefined)
  t.same(await running.ended, [0, null], 'it ended by itself, gracefully')
  t.ok(performance.now() - begun < 2000, `${Math.round(performance.now() - begun)} ms, noticed after ${Math.round(noticed - begun)}`)

  const held = await gitaly(t)
  const naive = new HealthService(`127.0.0.1:${held.port}`, grpc.credentials.createInsecure())
  t.teardown(() => { naive.close() })
  const stream = naive.watch({ service: '' }, new grpc.Metadata())
  stream.on('error', () => undefined)
  await once(stream, 'data')
  const waited = performance.now()
  held.process.kill('SIGTERM')
  t.same(await held.ended, [1, null], 'an open stream holds it until its grace period ends')
  t.ok(performance.now() - waited > 2500, `${Math.round(performance.now() - waited)} ms: the trap is there`)
})

void t.test('a stop that begins while Gitaly does not serve yet is not held up either', async (t) => {
  const running = await gitaly(t)
  running.process.kill('SIGKILL')
  await running.ended
  writeFileSync(join(running.folder, 'etc/faults.json'), JSON.stringify({ 'not-serving': { times: 'always' } }))
  const { NODE_OPTIONS: _, ...env } = process.env
  const again = spawn(process.execPath, [program, running.folder], { env, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
  t.teardown(() => { again.kill('SIGKILL') })
  const watched = told(asker(t, { address: `127.0.0.1:${running.port}` }), t)
  await watched.until('NOT_SERVING')
  const begun = performance.now()
  again.kill('SIGTERM')
  t.same(await once(again, 'exit'), [0, null])
  t.ok(performance.now() - begun < 2000, `${Math.round(performance.now() - begun)} ms`)
})

void t.test('a Gitaly that serves later on the same connection is noticed', async (t) => {
  let status = 'NOT_SERVING'
  const server = new grpc.Server()
  server.addService(HealthService.service, { Watch: (call: grpc.ServerWritableStream<unknown, object>) => { call.write({ status }) } })
  t.teardown(() => { server.forceShutdown() })
  const port = await new Promise<number>((resolve, reject) => { server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => { if (error === null) resolve(bound); else reject(error) }) })
  const watched = told(asker(t, { address: `127.0.0.1:${port}` }), t)
  await watched.until('NOT_SERVING')
  status = 'SERVING'
  const begun = performance.now()
  t.ok(await watched.until('SERVING') - begun < 1000)
})

void t.test('the moment Gitaly serves is pushed within milliseconds, and who is refused asks seldom', async (t) => {
  const port = await freePort()
  const watched = told(asker(t, { address: `127.0.0.1:${port}` }), t)
  await new Promise((resolve) => { setTimeout(resolve, 300) })
  await gitaly(t, { listen: `127.0.0.1:${port}` })
  const listening = performance.now()
  const noticed = await watched.until('SERVING')
  t.ok(noticed - listening < 500, `${Math.round(noticed - listening)} ms after it listened`)

  const folder = mkdtempSync('/tmp/pitstop-token-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'theirs'), 'secret')
  writeFileSync(join(folder, 'ours'), 'other')
  const strict = await gitaly(t, { tokenFile: join(folder, 'theirs') })
  const refused = asker(t, { address: `127.0.0.1:${strict.port}`, tokenFile: join(folder, 'ours') })
  told(refused, t)
  await new Promise((resolve) => { setTimeout(resolve, 1500) })
  const metrics = await (await fetch(`http://${(JSON.parse(readFileSync(join(strict.folder, 'etc/machine.json'), 'utf8')) as { gitaly: { metrics: string } }).gitaly.metrics}/metrics`)).text()
  const asked = Number(/grpc_server_started_total\{grpc_method="Watch"[^}]*\} (\d+)/.exec(metrics)?.[1])
  t.ok(asked >= 1 && asked <= 3, `${asked} times in 1.5 s`)
})
