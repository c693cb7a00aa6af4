// `coordinator --check` and the start refuse the same: files that are there, can be read, and are not what the configuration takes
// them for. Each refusal says what, why and what to type. Nothing is made by a check.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthority } from '../pki/authority.ts'
import { issueCertificate } from '../pki/issue.ts'
import { createRequest } from '../pki/request.ts'
import { peerProblems } from '../adapters/file-contents.ts'
import { loadSettings } from '../config.ts'
import { run } from './run.ts'

interface Ran { readonly exit: number, readonly out: string, readonly err: string }

/** A start that succeeds is stopped at once. */
async function pitstop(...words: readonly string[]): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const exit = await run(words, {
    out: (text) => { out.push(text) }, err: (text) => { err.push(text) }, live: false, interactive: false, colour: false, size: () => ({ columns: 120, rows: 40 }), ask: async () => '', user: 'ana',
    onInterrupt: (call) => { call(); return () => undefined }
  })
  return { exit, out: out.join(''), err: err.join('') }
}

interface Scene { readonly folder: string, write(name: string, text: string): Promise<string>, configure(more?: string): Promise<string>, certify(fleet: string, role?: 'coordinator' | 'agent'): Promise<void> }

async function scene(t: Test): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'pitstop-check-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const certify = async (fleet: string, role: 'coordinator' | 'agent' = 'coordinator'): Promise<void> => {
    const identity = { fleet, role, name: 'pitstop.test' }
    const authority = await createAuthority(fleet, Date.now())
    const { keyPem, requestPem } = await createRequest(identity)
    const { certificatePem } = await issueCertificate(requestPem, authority, identity, Date.now())
    for (const [name, text] of [['c.pem', certificatePem], ['c.key', keyPem], ['ca.pem', authority.certificatePem]] as const) await write(name, text)
  }
  await certify('lab')
  await write('gitlab.token', 'glpat-x')
  await write('nodes.yml', 'nodes: []\n')
  return {
    folder, write, certify,
    configure: (more = `store: ${folder}/c.db`) => write('c.yml', `fleet: lab
address: pitstop.test:7442
listen: { agents: '127.0.0.1:0', socket: ${folder}/c.sock }
tls: { certificate: ${folder}/c.pem, key: ${folder}/c.key, authority: ${folder}/ca.pem }
break-glass: ${folder}/glass.txt
gitlab: { url: 'http://127.0.0.1:9', token-file: ${folder}/gitlab.token }
inventory: { file: ${folder}/nodes.yml }
${more}
`)
  }
}

/** By the check and by the start, with the same words. */
async function refused(t: Test, file: string, expected: { readonly exit: number, readonly text: RegExp, readonly hint: RegExp }, all: readonly (readonly string[])[] = [['coordinator', '--check'], ['coordinator']]): Promise<void> {
  for (const words of all) {
    const { exit, out, err } = await pitstop('--config', file, ...words)
    t.equal(exit, expected.exit, `pitstop ${words.join(' ')}: ${err}`)
    t.equal(out, '')
    t.match(err.split('\n')[0], expected.text)
    t.match(err.split('\n').find((line) => line.startsWith('  do: ')), expected.hint)
  }
}

void t.test('what is right is good, and a check makes nothing', async (t) => {
  const { folder, configure } = await scene(t)
  const file = await configure()
  const before = await readdir(folder)
  t.match(await pitstop('--config', file, 'coordinator', '--check'), { exit: 0, out: `${file} is good: fleet lab\n`, err: '' })
  t.same(await readdir(folder), before)
})

void t.test('a certificate of another fleet, of another role, or none at all', async (t) => {
  const { folder, configure, certify, write } = await scene(t)
  const file = await configure()
  await certify('gprd')
  await refused(t, file, { exit: 7, text: /c\.pem: The certificate of .* belongs to fleet gprd; this is fleet lab/, hint: /pitstop pki request --fleet lab --role coordinator --name pitstop\.test --reuse-key, then pitstop pki issue; or correct fleet in .*c\.yml$/ })
  await certify('lab', 'agent')
  await refused(t, file, { exit: 7, text: /has the role agent; coordinator is needed/, hint: /pki request --fleet lab --role coordinator/ })
  await certify('lab')
  await write('c.pem', 'nothing\n')
  await refused(t, file, { exit: 7, text: /tls\.certificate: .*\/c\.pem holds no certificate in PEM/, hint: /pki issue/ })
  await certify('lab')
  await write('ca.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  await refused(t, file, { exit: 7, text: /tls\.authority: .*\/ca\.pem holds a certificate that cannot be read/, hint: /copy the authority's certificate .* to .*\/ca\.pem$/ })
  t.notOk((await readdir(folder)).includes('c.db'), 'no store was made')
})

void t.test('a folder, or something below a file, as the SQLite store', async (t) => {
  const { folder, configure } = await scene(t)
  await mkdir(join(folder, 'data'))
  await refused(t, await configure(`store: ${folder}/data`), { exit: 2, text: /\/data is a folder, and the store is one file/, hint: /name a file in it: store: .*\/data\/coordinator\.db$/ })
  await writeFile(join(folder, 'plain'), '')
  await refused(t, await configure(`store: ${folder}/plain/deeper/c.db`), { exit: 2, text: /\/plain is a file, and the store is to lie below it/, hint: /another path in store/ })
  t.same(await readdir(join(folder, 'data')), [])
  t.match(await pitstop('--config', await configure(`store: ${folder}/new/deep/c.db`), 'coordinator', '--check'), { exit: 0 }, 'missing folders are made by the start')
})

void t.test('a file of authorities that holds none, whichever of them, all told at once; a start goes on without those of peers, and warns', async (t) => {
  const { folder, configure, write } = await scene(t)
  await write('none.pem', 'ca\n')
  const alerts = `alerts: { url: 'https://am.test', ca-file: ${folder}/none.pem, close-on: [{ gate: g, matchers: ['a="b"'] }] }`
  const atCheck = [['coordinator', '--check']]
  await refused(t, await configure(`store: ${folder}/c.db\n${alerts}`), { exit: 2, text: /alerts\.ca-file: .*none\.pem holds no certificate in PEM/, hint: /in PEM .*, or correct alerts\.ca-file$/ }, atCheck)
  const both = await configure(`store: ${folder}/c.db\n${alerts}\ngitaly-authority: ${folder}/none.pem`)
  const started = await pitstop('--config', both, 'coordinator')
  t.equal(started.exit, 0, started.err)
  t.match(peerProblems(loadSettings(both)).map(({ text }) => text), [/alerts\.ca-file: .*none\.pem holds no certificate in PEM/, /gitaly-authority: .*holds no certificate/])
  await refused(t, await configure(`store: ${folder}/c.db\ngitaly-authority: ${folder}/none.pem`), { exit: 2, text: /gitaly-authority: .*holds no certificate/, hint: /correct gitaly-authority$/ }, atCheck)
  await refused(t, await configure(`store: postgres://p@127.0.0.1:9/x?sslmode=verify-full&sslrootcert=${folder}/none.pem`), { exit: 2, text: /sslrootcert in store: .*holds no certificate/, hint: /sslrootcert/ })
  await mkdir(join(folder, 'data'))
  const { err } = await pitstop('--config', await configure(`store: ${folder}/data\n${alerts}\ngitaly-authority: ${folder}/none.pem`), 'coordinator', '--check')
  t.match(err, /3 of them are not what they should be[^]*is a folder[^]*alerts\.ca-file[^]*gitaly-authority/)
})

void t.test('an expression that Alertmanager would not understand, with line and column', async (t) => {
  const { folder, configure } = await scene(t)
  const file = await configure(`store: ${folder}/c.db\nalerts: { url: 'https://am.test', close-on: [{ gate: g, matchers: ['alertname=~"Gitaly(.*"'] }] }`)
  await refused(t, file, { exit: 2, text: /c\.yml:9:\d+: alerts\.close-on\.0\.matchers\.0: Alertmanager would refuse this regular expression \(missing closing \)\)/, hint: /mend the lines named/ })
})

void t.test('a database that cannot be reached is not tried again by a check: it says what to type', async (t) => {
  const { configure } = await scene(t)
  const { exit, err } = await pitstop('--config', await configure('store: postgres://p@127.0.0.1:9/x?sslmode=disable'), 'coordinator', '--check')
  t.equal(exit, 1)
  t.match(err, /the store cannot be used now: .*ECONNREFUSED[^]*do: check that the store is there and can be reached and written from here; then type this again\n/)
  t.notMatch(err, /by itself/)
})

void t.test('a key for a folder that is not there is refused with the command that makes it, and makes nothing', async (t) => {
  const { folder } = await scene(t)
  const pki = join(folder, 'etc/pki')
  const { exit, err } = await pitstop('pki', 'request', '--fleet', 'lab', '--role', 'coordinator', '--name', 'c.test', '--key', `${pki}/pitstop.key`, '--request', `${pki}/pitstop.csr`)
  t.equal(exit, 2)
  t.match(err, new RegExp(`^pitstop: ${pki}/pitstop\\.key cannot be written: the folder ${pki} does not exist\n  do: make the folder first: install -d (?:-m 0700|-g pitstop -m 0750) ${pki}; or name another file\n`))
  t.notOk((await readdir(folder)).includes('etc'))
})
