// pitstop as it is typed: arguments, exit codes, where output goes, the confirmation, and the watch over a restart.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import t, { type Test } from 'tap'
import { reason } from '@pitstop/shared/fault'
import { faultTable, isFaultCode } from '@pitstop/shared/fault-table'
import { formatInstant } from '@pitstop/shared/instant'
import { buildApi } from '../http/api.ts'
import { listenSocket, listenTcp } from '../http/listen.ts'
import type { Api, ApiSettings } from '../http/ports.ts'
import { ServedInMemory, nodeNames, startedAt, testPolicy } from '../http/served-in-memory.ts'
import { exitCodes, exitOf } from './exit-codes.ts'
import { parseInstant } from './instant.ts'
import { run } from './run.ts'
import type { Terminal } from './terminal.ts'

interface Ran { readonly exit: number, readonly out: string, readonly err: string }

const terminal = (out: string[], err: string[], given: Partial<Terminal> = {}): Terminal => ({
  out: (text) => { out.push(text) }, err: (text) => { err.push(text) }, live: false, interactive: false, colour: false,
  size: () => ({ columns: 120, rows: 40 }), ask: async () => '', user: 'ana', onInterrupt: () => () => undefined, ...given
})

interface Setup { readonly served: ServedInMemory, readonly socket: string, readonly folder: string, pitstop(args: string, given?: Partial<Terminal>): Promise<Ran>, serve(): Promise<Api> }

const settingsOf = (): ApiSettings => ({
  fleet: 'lab', version: '1.2.3', access: { kind: 'local' }, policy: testPolicy, hasAssigner: true, now: () => startedAt, log: () => undefined,
  inventory: { read: async () => ({ nodes: [], excluded: [{ node: 'x.test', reasons: [reason('NODE_EXCLUDED', 'x.test is a Praefect node')] }] }) }
})

async function setup(t: Test): Promise<Setup> {
  const folder = await mkdtemp(join(tmpdir(), 'pitstop-cli-'))
  const socket = join(folder, 'c.sock')
  const served = new ServedInMemory()
  const apis: Api[] = []
  t.teardown(async () => {
    await Promise.all(apis.map((api) => api.close()))
    await rm(folder, { recursive: true, force: true })
  })
  return {
    served, socket, folder,
    async serve() {
      const api = await buildApi(served, settingsOf())
      apis.push(api)
      await listenSocket(api, socket)
      return api
    },
    async pitstop(args, given) {
      const out: string[] = []
      const err: string[] = []
      const words = [...args.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
      const exit = await run(['--socket', socket, ...words], terminal(out, err, given))
      return { exit, out: out.join(''), err: err.join('') }
    }
  }
}

void t.test('wrong usage ends with 2, says what is wrong on stderr, and does nothing', async (t) => {
  const { pitstop } = await setup(t)
  for (const args of ['', 'window', 'wimdow', 'window start', 'window start abcd', 'node retry x --reboot --again --reason y', 'node skip x', 'plan create --reason x', 'plan create --reason x --for 10',
    'plan create --reason x --for 1h --group-size 0', 'plan create --reason x --for 1h --drain some', 'plan create --reason x --closes 25:00', 'window resume --reason x --raise-budget -1', 'pki request --fleet a --role root --name b', 'status --nonsense']) {
    const ran = await pitstop(args)
    t.equal(ran.exit, 2, `pitstop ${args}`)
    t.equal(ran.out, '')
    t.not(ran.err, '')
  }
  t.match((await pitstop('window start abcd')).err, 'see pitstop window start --help', 'of the verb that was typed')
  t.match(JSON.parse((await pitstop('window start abcd --json')).err), { error: { code: 'INVALID_INPUT', text: /--reason/, exit: 2 } })
})

void t.test('help shows the verbs, examples for each of them, and the exit codes', async (t) => {
  const { pitstop } = await setup(t)
  const { exit, out } = await pitstop('--help')
  t.equal(exit, 0)
  for (const verb of ['coordinator', 'plan', 'window', 'node', 'why', 'obligations', 'freeze', 'unfreeze', 'lease', 'preflight', 'pki', 'init']) t.match(out, new RegExp(`^  ${verb}\\b`, 'm'))
  for (const { code, meaning } of Object.values(exitCodes)) t.match(out, `  ${code}  ${meaning}`)
  for (const verb of ['pki init', 'pki request', 'pki issue']) t.notMatch((await pitstop(`${verb} --help`)).out, /^ {2}--\S+ <\w+>$/m, 'each option says what it is')
  for (const verb of ['coordinator', 'plan create', 'plan show', 'plan list', 'window start', 'window watch', 'window pause', 'window resume', 'window abort', 'window show', 'node list', 'node show', 'node patch',
    'node retry', 'node skip', 'node write-off', 'why', 'obligations list', 'obligations hand-over', 'freeze', 'unfreeze', 'lease show', 'preflight', 'pki init', 'pki request', 'pki issue', 'init', 'status', 'plan', 'window', 'node', 'pki', 'lease', 'obligations']) {
    t.match((await pitstop(`${verb} --help`)).out, /Examples:\n {2}pitstop /, verb)
  }
})

void t.test('every fault has an exit code, and those of one kind the same', async (t) => {
  for (const code of Object.keys(faultTable)) if (isFaultCode(code)) t.ok(exitCodes[exitOf(code)], code)
  t.same(['INTERNAL', 'INVALID_INPUT', 'NOT_FOUND', 'WINDOW_OPEN', 'PREFLIGHT_FAILED', 'STANDBY', 'COORDINATOR_UNREACHABLE', 'UNAUTHENTICATED', 'GITLAB_TOKEN', 'STORE_CORRUPT'].map((code) => isFaultCode(code) && exitCodes[exitOf(code)].code),
    [1, 2, 2, 3, 3, 6, 6, 7, 3, 1])
})

void t.test('no coordinator ends with 6 and says how to reach one', async (t) => {
  const { pitstop, folder } = await setup(t)
  const plain = await pitstop('status')
  t.equal(plain.exit, 6)
  t.match(plain.err, /pitstop: the coordinator at .*c.sock cannot be reached \(ENOENT\)[^]*do: start it: systemctl start pitstop-coordinator \(.*journalctl -u pitstop-coordinator\); from a checkout: pitstop coordinator/)
  t.equal((await pitstop('--url http://127.0.0.1:9 status')).exit, 6)
  t.equal((await pitstop(`--url http://127.0.0.1:9 --token-file ${folder}/none status`)).exit, 2)
  t.match(await pitstop('coordinator --config /nowhere.yml --json'), { exit: 2, err: /INVALID_CONFIGURATION.*nowhere/ })
})

void t.test('a window from plan to end: what is typed, what is printed, what the exit code says', async (t) => {
  const { pitstop, served, serve } = await setup(t)
  await serve()
  const made = await pitstop('plan create --closes 2099-01-01T00:00Z --reason "change 4711" --group-size 2 --soak 0s --json')
  t.equal(made.exit, 0, made.err)
  const { hash, createdBy, policy } = JSON.parse(made.out) as { hash: string, createdBy: string, policy: { groupSize: number, soakMs: number } }
  t.match({ createdBy, policy }, { createdBy: 'ana', policy: { groupSize: 2, soakMs: 0 } })
  const short = await pitstop('plan create --for 1m --reason short')
  t.match(short, { exit: 0, out: /^plan / , err: /^pitstop: not even one node fits: by the plan's own estimates it takes \S+, and there are 1m until closing; make a plan of / }, 'made, and told')
  t.match(await pitstop('plan create --for 1m --reason short --json'), { exit: 0, err: /^\{"warning":"not even one node fits/ })
  t.equal((await pitstop('plan create --for 24h --reason long')).err, '')
  t.match((await pitstop(`plan show ${hash.slice(0, 8)}`)).out, /gitaly-02\.test {2}a {5}debian-12-amd64 {2}gitaly-02\n/)
  t.match((await pitstop('plan list')).out, hash.slice(0, 12))
  t.equal((await pitstop('plan show ffff')).exit, 2)
  t.match(await pitstop(`window start ${hash} --reason x`), { exit: 2, err: /--confirm/ }, 'nobody can be asked')
  t.match(await pitstop(`window start ${hash} --reason x`, { interactive: true, ask: async () => 'yes' }), { exit: 3, err: /CONFIRMATION_MISMATCH/ })
  const opened = await pitstop(`window start ${hash} --reason x`, { interactive: true, ask: async () => hash.slice(0, 10) })
  t.match(opened, { exit: 0, out: /is open/, err: /plan .* of fleet lab/ }, 'the plan is shown before the question')
  t.match(await pitstop(`node patch ${nodeNames[0]} --reason x`), { exit: 3, err: /opened by ana/ })

  served.record({ type: 'window-rolling' }, { type: 'node-admitted', node: nodeNames[0] }, { type: 'slot-taken', node: nodeNames[0] })
  t.match((await pitstop('status')).out, /window 1 of plan .* is rolling: 0 of 3 nodes done/)
  t.match(await pitstop(`node skip ${nodeNames[0]} --reason x`), { exit: 3, err: /is down: only a node that has not started/ })
  t.match(await pitstop('node show nobody.test'), { exit: 2, err: /pitstop node list/ })
  t.match(await pitstop(`node skip ${nodeNames[1]} --reason x --seen 0 --json`), { exit: 0, out: /"phase":"skipped"/ })
  served.record({ type: 'node-failed', node: nodeNames[0], step: 'check-log', down: true, reasons: [reason('STARTUP_ERROR', 'Gitaly logged an error', 'read it')] },
    { type: 'window-halted', reasons: [reason('BUDGET_SPENT', 'gitaly-01.test failed')] })
  const halted = await pitstop('window watch')
  t.equal(halted.exit, 5)
  t.match(halted.out, /window 1 of plan .* is halted: a person is needed[^\n]*\n[^]*gitaly-01\.test {2}failed[^]*halted: gitaly-01.test failed\n {2}do: /)
  t.match((await pitstop('why')).out, /halted:\n {2}gitaly-01.test failed\n {4}do: [^]*gitaly-01\.test: failed at [a-z-]+\n {2}Gitaly logged an error\n {4}do: read it/)
  t.match((await pitstop(`window resume --reason x`)), { exit: 3, err: /BUDGET_SPENT/ })
  t.match((await pitstop(`node write-off ${nodeNames[0]} --reason "mine now"`)).out, /is written-off/)
  t.match((await pitstop(`window resume --reason x --raise-budget 1`)).exit, 0)
  served.record({ type: 'node-done', node: nodeNames[2] }, { type: 'window-closing', reasons: [] }, { type: 'window-audited', differences: [] }, { type: 'window-closed' })
  t.equal((await pitstop('window watch')).exit, 5, 'a written-off node is no success')
  const lines = (await pitstop('window watch --json')).out.trim().split('\n').map((line) => JSON.parse(line) as object)
  t.match(lines.at(-1), { outcome: 'failed', exit: 5, window: { phase: 'closed' } })
  t.match((await pitstop('window show')).out, /audit|equal before and after/)
  t.match((await pitstop('lease show')).out, /host\/1\/ab at pitstop.test:7442, epoch 3; last renewed 10s ago; ends in 30s unless renewed; acting/)
  t.match((await pitstop('node list --inventory')).out, /Left out:\n {2}x.test is a Praefect node/)
})

void t.test('from elsewhere it takes a token of the right role', async (t) => {
  const { pitstop, served, folder } = await setup(t)
  const [viewer, operator] = ['viewer-token-0123456789', 'operator-token-0123456789']
  await writeFile(`${folder}/viewer`, viewer)
  await writeFile(`${folder}/operator`, `${operator}\n`)
  const tokens = (['viewer', 'operator'] as const).map((role) => ({ name: `the-${role}`, role, secret: { file: `${folder}/${role}` } }))
  const api = await buildApi(served, { ...settingsOf(), access: { kind: 'tokens', tokens } })
  const url = await listenTcp(api, '127.0.0.1:0', undefined)
  t.teardown(() => api.close())
  t.match(await pitstop(`--url ${url} status`), { exit: 7, err: /no token was shown/ })
  t.match(await pitstop(`--url ${url}/ --token-file ${folder}/viewer status`), { exit: 0, out: /acting/ })
  t.match(await pitstop(`--url ${url} --token-file ${folder}/viewer freeze --reason x`), { exit: 7, err: /the-viewer is a viewer/ })
  t.match(await pitstop(`--url ${url} --token-file ${folder}/operator freeze --reason x`), { exit: 0, out: /frozen by the-operator/ })
})

void t.test('a watch tells what comes; with --all, what was', async (t) => {
  const { pitstop, served, serve } = await setup(t)
  await serve()
  const { hash } = await served.makePlan({ by: 'ana', reason: 'x', opensAt: startedAt, closesAt: startedAt + 1000, policy: testPolicy })
  await served.openWindow(hash, { by: 'ana', reason: 'x', confirm: hash })
  served.record({ type: 'window-rolling' })
  const lines = async (args: string): Promise<string[]> => {
    const [{ out }] = await Promise.all([pitstop(args), (async () => {
      for (let tries = 0; served.listeners === 0 && tries < 200; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
      served.record({ type: 'window-halted', reasons: [reason('BUDGET_SPENT', 'gitaly-01.test failed')] })
    })()])
    return out.split('\n').filter((line) => line.includes('Z  ')).map((line) => line.split('  ').slice(1).join(' '))
  }
  t.same(await lines('window watch'), ['window HALTED: gitaly-01.test failed'])
  await served.command({ kind: 'resume', by: 'ana', reason: 'mended' })
  for (let tries = 0; served.listeners > 0 && tries < 200; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
  t.same(await lines('window watch --all'), ['window 1 opened by ana: x', 'window rolling', 'window HALTED: gitaly-01.test failed', 'window resumed by ana: mended', 'window HALTED: gitaly-01.test failed'])
  t.equal((await pitstop('window watch --all --json')).out.trim().split('\n').length, 6, 'also when it is over: five events and the outcome')
})

void t.test('a preflight with problems ends with 3, freezing is by name, and who takes a promise over is told what GitLab shows', async (t) => {
  const { pitstop, served, serve } = await setup(t)
  await serve()
  t.match(await pitstop('preflight'), { exit: 0, out: 'ready: 3 nodes\n' })
  served.checked = { problems: [reason('GITLAB_TOKEN', 'the token ended', 'a new one')], warnings: [], remarks: ['Alertmanager shows 2 alerts'] }
  t.match(await pitstop('preflight'), { exit: 3, out: /In the way:\n {2}the token ended\n {4}do: a new one\nSeen:\n {2}Alertmanager shows 2 alerts\nNOT READY: 1 problem\n/ })
  t.match(await pitstop('freeze --reason "incident 815"'), { exit: 0, out: 'frozen by ana: incident 815\n' })
  t.match(await pitstop('status --json').then(({ out }) => JSON.parse(out) as object), { frozen: { by: 'ana' } })
  t.match((await pitstop('obligations')).out, 'nothing has to be put back')
  const { hash } = await served.makePlan({ by: 'ana', reason: 'x', opensAt: startedAt, closesAt: startedAt + 1000, policy: testPolicy })
  served.checked = { problems: [], warnings: [], remarks: [] }
  await served.openWindow(hash, { by: 'ana', reason: 'x', confirm: hash })
  served.record({ type: 'obligation-opened', id: 'weight:gitaly-01', kind: 'weight', subject: 'gitaly-01', node: nodeNames[0], previous: 100 })
  t.match(await pitstop('obligations hand-over weight:gitaly-01 --reason retired'), { exit: 0, out: 'weight:gitaly-01 is yours now; GitLab shows 0, it was 100\n' })
  t.match((await pitstop('obligations')).out, /void by ana: handed over to ana: retired \(then GitLab shows 0, it was 100\)/)
})

void t.test('a watch goes on where it was when the coordinator is restarted', async (t) => {
  const { pitstop, served, serve } = await setup(t)
  const first = await serve()
  const { hash } = await served.makePlan({ by: 'ana', reason: 'x', opensAt: startedAt, closesAt: startedAt + 1000, policy: testPolicy })
  await served.openWindow(hash, { by: 'ana', reason: 'x', confirm: hash })
  const restart = (async () => {
    for (let tries = 0; served.listeners === 0 && tries < 200; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
    served.record({ type: 'window-rolling' })
    await first.close()
    for (const node of nodeNames) served.record({ type: 'node-done', node })
    await serve()
    served.record({ type: 'window-closing', reasons: [] }, { type: 'window-closed' })
  })()
  const [{ exit, out, err }] = await Promise.all([pitstop('window watch --all'), restart])
  t.equal(exit, 0, err)
  t.match(err, /trying again/)
  const told = out.split('\n').filter((line) => line.includes('Z  '))
  t.same(told.map((line) => line.split('  ').slice(1).join(' ')), ['window 1 opened by ana: x', 'window rolling', ...nodeNames.map((node) => `${node} DONE`), 'window closing', 'window closed'], 'no event is lost or told twice')
})

void t.test('on a terminal the view is redrawn in place, and the cursor comes back', async (t) => {
  const { pitstop, served, serve } = await setup(t)
  await serve()
  const { hash } = await served.makePlan({ by: 'ana', reason: 'x', opensAt: startedAt, closesAt: startedAt + 1000, policy: testPolicy })
  await served.openWindow(hash, { by: 'ana', reason: 'x', confirm: hash })
  let interrupt = (): void => undefined
  const watching = pitstop('window watch', { live: true, onInterrupt: (call) => { interrupt = call; return () => undefined } })
  for (let tries = 0; served.listeners === 0 && tries < 200; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
  served.record({ type: 'window-rolling' })
  await new Promise((resolve) => { setTimeout(resolve, 100) })
  interrupt()
  const { exit, out, err } = await watching
  t.equal(exit, 0)
  t.ok(out.startsWith('\u001b[?25l'))
  t.match(stripVTControlCharacters(out), /OPENING[^]*ROLLING/)
  t.match(out, '\u001b[7A\r', 'the frame before is drawn over')
  t.ok(out.endsWith('\u001b[?25h'))
  t.match(err, /the window goes on/)
})

void t.test('init writes once, and pki makes, asks and signs on files', async (t) => {
  const { pitstop, folder } = await setup(t)
  t.match(await pitstop(`init --output ${folder}/c.yml --fleet lab`), { exit: 0, out: /coordinator --check/ })
  t.match(await readFile(`${folder}/c.yml`, 'utf8'), /^fleet: lab /m)
  t.match(await pitstop(`init --output ${folder}/c.yml`), { exit: 2, err: /exists already/ })
  t.match(await pitstop('init --fleet Bad_Name'), { exit: 2, err: /fleet: must be/ })
  const authority = `--authority-key ${folder}/ca.key --authority-certificate ${folder}/ca.pem`
  t.equal((await pitstop(`pki init --fleet lab ${authority}`)).exit, 0)
  t.equal((await pitstop(`pki init --fleet lab ${authority}`)).exit, 2, 'never replaced')
  t.equal((await pitstop(`pki request --fleet lab --role agent --name a.test --key ${folder}/a.key --request ${folder}/a.csr`)).exit, 0)
  t.match(await pitstop(`pki issue --request ${folder}/a.csr --role coordinator --name a.test --output ${folder}/a.pem ${authority}`), { exit: 7, err: /WRONG_ROLE/ })
  t.match(await pitstop(`pki issue --request ${folder}/a.csr --role agent --name a.test --output ${folder}/a.pem ${authority} --json`), { exit: 0, out: /"role":"agent"/ })
  await writeFile(`${folder}/bad.yml`, 'fleet: X\n')
  const bad = await pitstop(`coordinator --config ${folder}/bad.yml`)
  t.equal(bad.exit, 2)
  t.match(bad.err, /bad.yml:1:1: fleet: must be .*\n.*address: missing/)
})

void t.test('times are instants: local, zoned, tomorrow, and never guessed over a change of clocks', async (t) => {
  const now = Date.UTC(2026, 9, 24, 21, 0)
  const at = (text: string): string => formatInstant(parseInstant(text, 'Europe/Berlin', now))
  t.equal(at('23:30'), '2026-10-24 21:30:00Z')
  t.equal(at('22:00'), '2026-10-25 21:00:00Z', 'tomorrow, with winter time by then')
  t.equal(at('2026-10-24T23:30'), '2026-10-24 21:30:00Z')
  t.equal(at('2026-10-24T23:30+05:00'), '2026-10-24 18:30:00Z')
  t.equal(parseInstant('now', undefined, now), now)
  t.throws(() => at('2026-10-25T02:30'), { code: 'INVALID_INPUT' }, 'exists twice')
  t.throws(() => at('2027-03-28T02:30'), { code: 'INVALID_INPUT' }, 'does not exist')
  t.throws(() => parseInstant('22:00', 'Mars/Base', now), { code: 'INVALID_INPUT', message: /Mars/ })
})

void t.test('before the first window the way to it begins with a plan', async (t) => {
  const { pitstop, served, serve } = await setup(t)
  await serve()
  t.match((await pitstop('why')).out, /no window yet\n {4}do: make a plan first: pitstop plan create/)
  t.match(await pitstop('window show'), { exit: 2, err: /do: make a plan first: pitstop plan create/ })
  await served.makePlan({ by: 'ana', reason: 'x', opensAt: startedAt, closesAt: startedAt + 1000, policy: testPolicy })
  t.match((await pitstop('why')).out, /do: open one: pitstop window start PLAN/)
  t.match((await pitstop('window show')).err, /do: open one: pitstop window start PLAN/)
})
