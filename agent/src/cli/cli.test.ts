// The command line as a person uses it: real processes on a fake host, with and without root, agent and coordinator.
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ObligationStore } from '../adapters/obligation-store.ts'
import { OrderStore } from '../adapters/order-store.ts'
import { parseSettings } from '../config.ts'
import type { AcceptedOrder } from '../domain/order-record.ts'
import { type FakeHost, fakeHost, makeCertificates } from '../fixtures/fake-host.ts'
import { placeHook } from '../fixtures/hook-files.ts'
import { startAgent } from '../main.ts'
import type { RunCommand } from '../ports.ts'
import { doctor } from './doctor.ts'
import { init } from './init.ts'

const tls = makeCertificates({ 'agent': 'spiffe://test-fleet/pitstop/agent/n1.example', 'other': 'spiffe://other/pitstop/coordinator/n2.example' }, '60')
chmodSync(join(tls, 'other.key'), 0o644)
t.teardown(() => { rmSync(tls, { recursive: true }) })

interface Ran { readonly exit: number | null, readonly out: string, readonly err: string }

const pitstopAgent = (...args: readonly string[]): Promise<Ran> => ran('main.ts', ...args)

function ran(entry: string, ...args: readonly string[]): Promise<Ran> {
  const { NODE_OPTIONS: _loader, ...env } = process.env
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [new URL(entry, import.meta.url).pathname, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
    child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString() })
    child.once('error', reject)
    child.once('close', (exit) => { resolve({ exit, out, err }) })
  })
}

interface World { readonly host: FakeHost, readonly agent: (...args: readonly string[]) => Promise<Ran>, readonly store: OrderStore, readonly promises: ObligationStore, readonly configuration: string }

async function world(t: { teardown(undo: () => unknown): void }, extra = ''): Promise<World> {
  const host = await fakeHost()
  t.teardown(() => host.close())
  const settings = host.settings({ tls })
  const configuration = join(host.root, 'agent.yml')
  writeFileSync(configuration, `fleet: test-fleet
node: n1.example
listen: 127.0.0.1:0
tls: {certificate: ${tls}/agent.pem, key: ${tls}/agent.key, authority: ${tls}/ca.pem}
state: ${host.root}/state
host: {root: ${host.root}, path: [${host.root}/bin]}
gitaly: {address: "${settings.host.gitaly.address}"}
apt: {minimum-free-bytes: 0, minimum-free-boot-bytes: 0}
${extra}`)
  const store = new OrderStore(settings.state)
  store.prepare()
  return { host, configuration, store, promises: new ObligationStore(settings.state), agent: (...args) => pitstopAgent('--config', configuration, ...args) }
}

const order = (id: string, part: Partial<AcceptedOrder> = {}): AcceptedOrder => ({
  id, step: 'reboot', fleet: 'test-fleet', node: 'n1.example', planHash: 'p', manifestHash: '', digest: 'd', bootId: 'boot-1', acceptedAtMs: Date.now() - 65_000, reason: '', notes: [], install: [], simulated: [], ...part
})
const id = 'reboot-1-0123456789abcdef01234567'

void t.test('status: orders with human durations, promises with how to pay them, and what a past release left', async (t) => {
  const { host, store, promises, agent } = await world(t)
  t.match((await agent('status')).out, /orders: none yet\nnothing has to be put back/, 'a state directory without promises')
  store.accept(order(id), { epoch: 1, notBeforeMs: 0, notAfterMs: 1 })
  store.decide(id, { kind: 'cancelled', atMs: Date.now() - 5000, by: 'ada', reasons: [{ code: 'ORDER_CANCELLED', text: 'taken back by ada', hint: '' }] })
  const undo = placeHook(host.root, 'before-reboot/50-x.undo')
  const promise = promises.promise({
    id: `hook-${id}-before-reboot-50-x`, kind: 'hook', orderId: id, planHash: 'p', what: 'undo hook before-reboot/50-x', pay: [[undo]], deadlineMs: 5000, madeAtMs: 1, payable: 'node-done',
    dueAtMs: Date.now() - 120_000, boundToBoot: ''
  })
  promises.recordFailure(promise.id, { atMs: Date.now() - 3000, attempts: 4, text: 'chef is away' })
  const { out, exit } = await agent('status')
  t.equal(exit, 0)
  t.match(out, /boot boot-1, up 1m40s/)
  t.match(out, /reboot-1-0123456789abcdef01234567 {2}cancelled, \d(\.\d)?s ago after (59|1m)/)
  t.match(out, /undo hook before-reboot\/50-x, OVERDUE since 2m/)
  t.match(out, /attempt 4 failed .* ago: chef is away/)
  t.match(out, new RegExp(`now: pitstop-agent pay ${promise.id} {3}by hand: ${undo}`))
  t.match(JSON.parse((await agent('status', '--json')).out), { mode: 'act', obligations: [{ id: promise.id, byHand: undo, failure: { attempts: 4 } }], orders: [{ id, status: 'cancelled' }] })
})

void t.test('an order that cannot be read: status shows the others and what to do, and doctor says that it is in the way', async (t) => {
  const { host, store, agent } = await world(t)
  store.accept(order(id), { epoch: 1, notBeforeMs: 0, notAfterMs: 1 })
  const damaged = 'stage-1-0123456789abcdef01234567'
  host.write(`state/orders/${damaged}/accepted.json`, '{"version":1')
  const { out, exit } = await agent('status')
  t.equal(exit, 0)
  t.match(out, new RegExp(`\\n  ${id} `))
  t.match(out, new RegExp(`\\norder ${damaged} cannot be told: .*\\n    do: no order is taken in .*mv \\S+${damaged} `))
  t.match(JSON.parse((await agent('status', '--json')).out), { orders: [{ id }], unreadableOrders: [{ text: new RegExp(damaged), hint: /mv / }] })
  t.match((await agent('doctor')).out, new RegExp(`STATE_UNREADABLE.*${damaged}|${damaged}[^]*mv `))
})

void t.test('pay: without agent and coordinator; not under the feet of an order, unless it is named', async (t) => {
  const { host, promises, agent } = await world(t)
  t.match(await agent('pay'), { exit: 0, out: /nothing has to be put back/ })
  const upgrade = 'upgrade-1-0123456789abcdef01234567'
  const undo = placeHook(host.root, 'before-upgrade/50-x.undo')
  const make = (name: string) => promises.promise({
    id: `hook-${name}`, kind: 'hook', orderId: upgrade, planHash: 'p', what: `undo ${name}`, pay: [[undo]], deadlineMs: 5000, madeAtMs: 1, payable: 'node-done', dueAtMs: Date.now() + 60_000, boundToBoot: ''
  })
  make('a')
  host.write(`units/pitstop-${upgrade}`, `${process.pid}\n`)
  t.match(await agent('pay'), { exit: 1, out: /not done: its order upgrade-1-.* is being carried out; all the same: pitstop-agent pay hook-a/ })
  t.equal(host.read('hooks-ran'), '')
  t.match(await agent('pay', 'hook-a'), { exit: 0, out: /undo a: done/ })
  t.equal(host.read('hooks-ran'), 'before-upgrade/50-x.undo\n')
  host.remove(`units/pitstop-${upgrade}`)
  make('b')
  make('c')
  t.match(await agent('pay', '--by-hand', 'hook-c'), { exit: 0, out: /noted as done by hand/ })
  t.match(await agent('pay'), { exit: 0, out: 'undo b: done\n' })
  t.match(await agent('pay', 'hook-b'), { exit: 2, err: /nothing with the id hook-b/ })
  t.match(await agent('pay', '--by-hand'), { exit: 2, err: /which one/ })
})

void t.test('after-ready: only for a boot that was ordered; what it says is the verdict of this boot', async (t) => {
  const { host, store, agent } = await world(t)
  t.match(await agent('after-ready'), { exit: 1, err: /no order of pitstop caused this boot/ })
  store.accept(order(id), { epoch: 1, notBeforeMs: 0, notAfterMs: 1 })
  host.boot('boot-2')
  store.recordBoot({ bootId: 'boot-2', orderId: id, acknowledged: '', answers: true })
  placeHook(host.root, 'after-ready/50-x', 'echo not yet; exit 1')
  t.match(await agent('after-ready'), { exit: 1, out: /HOOK_FAILED: hook after-ready\/50-x ended with exit code 1: not yet/ })
  t.match(store.read(id)?.ready, { hooks: 'failed', bootId: 'boot-2' })
  placeHook(host.root, 'after-ready/50-x')
  t.match(await agent('after-ready'), { exit: 0, out: 'done: after-ready/50-x\n' })
  t.match(store.read(id)?.ready, { hooks: 'passed' })
})

/** What `doctor` prints, with root or as if without. */
async function doctorSays(file: string, isRoot: boolean): Promise<{ exit: number, findings: { topic: string, level: string, text: string, hint: string, code?: string }[], out: string }> {
  const settings = parseSettings(file, readFileSync(file, 'utf8'))
  const said: string[] = []
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = (text: string | Uint8Array) => { said.push(String(text)); return true }
  try {
    await doctor(settings, true, isRoot)
    const exit = await doctor(settings, false, isRoot)
    return { exit, findings: JSON.parse(said[0] ?? '').findings, out: said.slice(1).join('') }
  } finally { process.stdout.write = write }
}

void t.test('doctor: what is in the way of which order, and what the agent needs, each with what to type', async (t) => {
  const { host, configuration } = await world(t)
  const before = await doctorSays(configuration, true)
  t.match(before.findings.filter(({ topic }) => topic === 'identity'), [{ level: 'fine', text: /agent\/n1\.example, until/ }])
  t.match(before.findings.find(({ topic }) => topic === 'orders'), { level: 'fine', text: /^stage, upgrade, reboot/ })
  t.match(before.out, /ok {2}SERVING at/)
  host.write('audit', 'a is half-configured')
  host.write('etc/pitstop/disabled', 'chef is at work')
  placeHook(host.root, 'before-reboot/50-x', '', 0o777)
  const { exit, findings, out } = await doctorSays(configuration, true)
  t.equal(exit, 1)
  t.match(findings.filter(({ topic, level }) => topic === 'orders' && level === 'in-the-way').map(({ text }) => text), [
    /^stage, upgrade, reboot: .*chef is at work/, /^upgrade, reboot: dpkg --audit says/, /^upgrade, reboot: .*50-x is writable/
  ])
  t.match(out, /NO {2}DPKG_BROKEN: upgrade, reboot: dpkg --audit says: a is half-configured\n {8}do: on the host: dpkg/)
  t.match(out, /hooks\n {2}ok {2}in their order: before-reboot\/50-x/)
  t.notMatch(out, /not run as root/)
})

void t.test('doctor: files, listener and Gitaly that are not as the configuration says', async (t) => {
  const { host, configuration } = await world(t)
  const text = readFileSync(configuration, 'utf8')
  const findings = async (change: (text: string) => string): Promise<string> => {
    writeFileSync(configuration, change(text))
    return (await doctorSays(configuration, true)).findings.filter(({ level }) => level === 'in-the-way').map(({ code, text: each }) => `${code} ${each}`).join('\n')
  }
  t.match(await findings((each) => each.replaceAll(`${tls}/agent.`, `${tls}/other.`)), /WRONG_FLEET the certificate is of fleet other.*\n.*WRONG_ROLE .*coordinator.*\n.*WRONG_NODE .*n2\.example/)
  t.match(await findings((each) => each.replace(`${tls}/agent.key`, `${tls}/other.key`)), /CERTIFICATE_INVALID the private key does not belong/)
  t.match(await findings((each) => each.replace(`${tls}/agent.key`, '/no/such.key')), /CERTIFICATE_INVALID tls\.key: there is no \/no\/such\.key/)
  t.match(await findings((each) => each.replaceAll(`${tls}/agent.key`, `${tls}/other.key`)), /SECRET_EXPOSED .*other\.key can be read by others/)
  t.match(await findings((each) => each.replace(/gitaly: .*/, 'gitaly: {address: "127.0.0.1:1", log: /var/log/nothing}')), /NOT_SERVING Gitaly at 127\.0\.0\.1:1[^]*there is no .*\/var\/log\/nothing/)
  t.match(await findings((each) => each.replace('listen: 127.0.0.1:0', 'listen: 203.0.113.7:7441')), /nothing can listen on 203\.0\.113\.7:7441/)
  const [, port = ''] = /address: "[^"]*:(\d+)"/.exec(text) ?? []
  t.match(await findings((each) => each.replace('127.0.0.1:0', `127.0.0.1:${port}`)), /AGENT_UNREACHABLE 127\.0\.0\.1:\d+ is taken by something else than this agent/)
  host.write('bin/apt-get', '#!/bin/sh\necho "E: The list of sources could not be read." >&2; exit 100\n')
  t.match(await findings((each) => each), /APT_FAILED apt-get -s upgrade: .*list of sources could not be read/s)
})

void t.test('doctor: a listener that is this very agent is no obstacle', async (t) => {
  const { host, configuration } = await world(t)
  const agent = await startAgent(host.settings({ tls }), { info: () => undefined, warn: () => undefined, error: () => undefined })
  t.teardown(() => agent.close())
  writeFileSync(configuration, readFileSync(configuration, 'utf8').replace('127.0.0.1:0', `127.0.0.1:${agent.port}`))
  t.match((await doctorSays(configuration, true)).findings.filter(({ text }) => text.includes('held by')), [{ level: 'fine', text: /held by the running agent/ }])
})

void t.test('doctor without root: says so first, and does not judge what only root can see', async (t) => {
  const { host, configuration } = await world(t)
  // As GitLab's gitlab-ctl answers anybody else.
  host.write('status', 'fail: gitaly: unable to change to service directory: access denied\n')
  const { out, findings, exit } = await doctorSays(configuration, false)
  t.match(out, /^not run as root: .*sudo pitstop-agent doctor\n/)
  t.equal(exit, 1, 'what was not judged is not fine')
  t.match(findings.filter(({ topic, level }) => topic === 'gitaly' && level === 'not-judged'), [{ hint: 'only root can tell', text: /access denied/ }])
  t.notMatch(out, /gitlab-ctl (?:tail|status)/, 'no advice that misleads')
  t.notOk(findings.some(({ topic, level }) => topic === 'orders' && level === 'fine'), 'no order is called possible')
  t.match(findings.find(({ topic, text }) => topic === 'orders' && text.startsWith('stage')), { level: 'not-judged', text: /nothing seen so far/ })
  host.write('audit', 'a is half-configured')
  t.match((await doctorSays(configuration, false)).out, /NO {2}DPKG_BROKEN/, 'what anybody can see is judged')
})

void t.test('doctor and status say when the agent only observes', async (t) => {
  const { agent, configuration } = await world(t, 'mode: observe\n')
  t.match((await doctorSays(configuration, true)).findings.filter(({ code }) => code === 'OBSERVE_MODE'), [{ topic: 'orders', text: /^stage, upgrade, reboot: the agent observes.*observed\.jsonl/ }])
  t.match((await agent('status')).out, /observes only: .*observed\.jsonl/)
})

void t.test('init writes a configuration that parses, a key and its request once; nothing is replaced', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-init-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const file = join(folder, 'etc/agent.yml')
  const args = ['init', '--fleet', 'gprd', '--node', 'gitaly-03.example', '--coordinator', 'a.example:7442', 'b.example:7442', '--gitaly', '127.0.0.1:8075', '--pki', join(folder, 'pki')]
  const { out, exit, err } = await pitstopAgent('--config', file, ...args)
  t.equal(exit, 0, err)
  t.match(out, /pitstop pki issue --request gitaly-03\.example\.csr --role agent --name gitaly-03\.example --output gitaly-03\.example\.pem --authority-key \.\/authority\.key --authority-certificate \.\/authority\.pem\n.*copy gitaly-03\.example\.pem to .* and authority\.pem to .*\n +systemctl start pitstop-agent\n +pitstop-agent .*doctor\n$/)
  const text = readFileSync(file, 'utf8')
  t.match(parseSettings(file, text), { fleet: 'gprd', node: 'gitaly-03.example', coordinators: ['a.example:7442', 'b.example:7442'], host: { mode: 'act', gitaly: { address: '127.0.0.1:8075' } } })
  const uncommented = parseSettings(file, text.replaceAll(/^(\s*)# (\s*[a-z-]+:(?: \S.*)?)$/gm, '$1$2'))
  t.equal(uncommented.host.gitaly.tokenFile, '/etc/pitstop/gitaly.token')
  const { tokenFile: _token, ...gitaly } = uncommented.host.gitaly
  t.same({ ...uncommented, host: { ...uncommented.host, gitaly } }, parseSettings(file, text), 'what is commented out shows the default')
  t.equal(statSync(join(folder, 'pki/pitstop.key')).mode & 0o777, 0o600)
  t.equal(statSync(join(folder, 'pki')).mode & 0o777, 0o700)
  const key = readFileSync(join(folder, 'pki/pitstop.key'), 'utf8')
  t.match(await pitstopAgent('--config', file, ...args), { exit: 2, err: /exists already and is not replaced/ })
  rmSync(file)
  t.equal((await pitstopAgent('--config', file, ...args, '--observe')).exit, 0)
  t.equal(readFileSync(join(folder, 'pki/pitstop.key'), 'utf8'), key, 'an existing key is used')
  t.match(parseSettings(file, readFileSync(file, 'utf8')), { host: { mode: 'observe' } })
})

void t.test('init asks for a name when the host has only a short one, and refuses what does not parse before it writes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-init-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const options = { fleet: 'gprd', coordinator: [], gitaly: '127.0.0.1:8075', listen: '0.0.0.0:7441', pki: join(folder, 'pki') }
  const hostnameFile = join(folder, 'hostname')
  writeFileSync(hostnameFile, 'gitaly-03\n')
  const said = (stdout: string, code = 0): { hostnameFile: string, run: RunCommand } => ({ hostnameFile, run: ({ argv, deadlineMs }) => {
    t.same([argv, deadlineMs], [['hostname', '-f'], 2000])
    return Promise.resolve({ code, signal: null, stdout, stderr: '', truncated: false, timedOut: false, elapsedMs: 1 })
  } })
  for (const resolved of [said('gitaly-03\n'), said('', 1), said('localhost.localdomain\n'), { hostnameFile, run: () => Promise.reject(new Error('no hostname here')) }]) {
    await t.rejects(init(join(folder, 'agent.yml'), options, resolved), { code: 'INVALID_INPUT', message: /hostname holds "gitaly-03" and hostname -f says/, hint: /--node gitaly-03\.example\.internal/ })
  }
  await t.rejects(init(join(folder, 'agent.yml'), { ...options, node: 'a.example', listen: 'nowhere' }), { code: 'INVALID_CONFIGURATION', message: /listen/ })
  t.notOk(existsSync(options.pki))
  t.equal(await init(join(folder, 'agent.yml'), options, said('Gitaly-03.example.internal\n')), 0)
  t.match(readFileSync(join(folder, 'agent.yml'), 'utf8'), /^node: gitaly-03\.example\.internal$/m)
})

void t.test('serve ends at once, with what and why, when its port is taken', async (t) => {
  const { agent, configuration } = await world(t)
  const holder = createServer()
  await new Promise<void>((resolve) => { holder.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { holder.close() })
  const { port } = holder.address() as AddressInfo
  writeFileSync(configuration, readFileSync(configuration, 'utf8').replace('127.0.0.1:0', `127.0.0.1:${port}`))
  const expected = { exit: 1, err: new RegExp(`nothing can listen on 127\\.0\\.0\\.1:${port}: it is taken.*\\n.*ss -ltnp 'sport = :${port}'`) }
  t.match(await agent('serve'), expected)
  t.match(await ran('service.ts', configuration), expected, 'the entry of the package')
})

void t.test('may-reboot for an order that is not here says where the orders are', async (t) => {
  const { agent } = await world(t)
  t.match(await agent('may-reboot', id), { exit: 3, out: /NOT_FOUND: there is no order .*\n.*pitstop-agent status/ })
})

void t.test('doctor: without a certificate nobody else is blamed', async (t) => {
  const { configuration } = await world(t, 'coordinators: [127.0.0.1:1]\n')
  const coordinators = async (): Promise<string> => (await doctorSays(configuration, true)).findings.filter(({ topic }) => topic === 'coordinators').map(({ text }) => text).join('\n')
  t.match(await coordinators(), /127\.0\.0\.1:1 does not answer/)
  writeFileSync(configuration, readFileSync(configuration, 'utf8').replace(`${tls}/agent.pem`, '/no/such.pem'))
  t.equal(await coordinators(), 'not asked: no certificate yet')
})
