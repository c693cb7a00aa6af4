// Inventories from files and from a knife that is a small real program: what becomes a node, what is left alone and
// why, what is refused.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import * as v from 'valibot'
import { readConfiguration } from '@pitstop/shared/configuration'
import { asFault, type Fault } from '@pitstop/shared/fault'
import { inventorySection, type InventorySettings } from './inventory-section.ts'
import { createInventory } from './inventory.ts'
import type { InventoryReading } from './port.ts'

const section = (yaml: string): InventorySettings => readConfiguration('c.yaml', `inventory:\n${yaml}`, v.strictObject({ inventory: inventorySection })).inventory

const mapping = `
  nodes:
    - {match: 'gitaly-*-stor-gprd.c.gitlab-gitaly-gprd-*.internal', storages: ['{fqdn}'], zone: 'us-east1-{2}', address: '{fqdn}:7443', gitaly: 'tls://{fqdn}:9999'}
    - {match: 'file-*-stor-gprd.c.gitlab-production.internal', storages: ['nfs-file{1}'], zone: us-east1, address: '{fqdn}:7443'}
    - {match: 'praefect-*.internal', praefect: true}
    - {match: 'file-cny-*.internal', exclude: it is the canary of another team}
    - {match: 'map-*.internal', zone: z, address: '{fqdn}:7443', storages: {map-1.internal: [default, more]}}
    - {match: 'file-99-stor-gprd.c.gitlab-production.internal', storages: [special], zone: z, address: 'special.internal:1'}
`
const program = (code: string): string => JSON.stringify([process.execPath, '-e', code])
const knife = (code: string, nodes = mapping, more = ''): InventorySettings => section(`  knife: {query: 'roles:gprd-base-stor', command: ${program(code)}${more}}${nodes}`)
const prints = (text: string, exit = 0, stderr = ''): string => `process.stdout.write(${JSON.stringify(text)}); process.stderr.write(${JSON.stringify(stderr)}); process.exitCode = ${exit}`
const answer = (rows: readonly (readonly [string, string | null])[]): string => JSON.stringify({ results: rows.length, rows: rows.map(([name, fqdn]) => ({ [name]: { fqdn } })) }, null, 2)
const same = (...names: string[]): string => answer(names.map((name) => [name, name]))
const read = (settings: InventorySettings): Promise<InventoryReading> => createInventory(settings).read()

async function faultOf(t: Test, act: Promise<unknown> | (() => unknown)): Promise<Fault> {
  try {
    await (typeof act === 'function' ? act() : act)
  } catch (thrown) {
    return asFault(thrown)
  }
  t.fail('a fault was expected')
  throw new Error('no fault')
}

const gitaly = 'gitaly-01-stor-gprd.c.gitlab-gitaly-gprd-83fd.internal'
const old = 'file-07-stor-gprd.c.gitlab-production.internal'

void t.test('knife', async (t) => {
  await t.test('hosts become nodes by rules; exact names go first, names are lower-cased, the same row twice counts once', async (t) => {
    const { nodes, excluded } = await read(knife(prints(same(gitaly.toUpperCase(), old, old, 'map-1.internal', 'file-99-stor-gprd.c.gitlab-production.internal'))))
    t.strictSame(nodes, [
      { node: old, address: `${old}:7443`, storages: ['nfs-file07'], zone: 'us-east1' },
      { node: 'file-99-stor-gprd.c.gitlab-production.internal', address: 'special.internal:1', storages: ['special'], zone: 'z' },
      { node: gitaly, address: `${gitaly}:7443`, storages: [gitaly], zone: 'us-east1-83fd', gitaly: `tls://${gitaly}:9999` },
      { node: 'map-1.internal', address: 'map-1.internal:7443', storages: ['default', 'more'], zone: 'z' }
    ].sort((a, b) => (a.node < b.node ? -1 : 1)))
    t.strictSame(excluded, [])
  })

  await t.test('what may not be touched is excluded by name, with the reason', async (t) => {
    const rows = answer([[gitaly, gitaly], ['praefect-1.internal', 'praefect-1.internal'], ['stranger.internal', 'stranger.internal'], ['file-cny-1.internal', 'file-cny-1.internal'],
      ['map-2.internal', 'map-2.internal'], ['nameless', null], ['a', old], ['b', old], ['odd', 'not a host'], ['deep', 'gitaly-01.x-stor-gprd.c.gitlab-gitaly-gprd-1.internal']])
    const { nodes, excluded } = await read(knife(prints(rows)))
    t.strictSame(nodes.map(({ node }) => node), [gitaly])
    const why = Object.fromEntries(excluded.map(({ node, reasons }) => [node, reasons.map(({ code, text }) => `${code} ${text}`).join()]))
    t.match(why, {
      'praefect-1.internal': /^NODE_EXCLUDED .*Praefect/, 'stranger.internal': /not in the configuration/, 'file-cny-1.internal': /canary of another team/,
      'map-2.internal': /no storages in the rule/, nameless: /no fqdn of nameless/, [old]: /several nodes of Chef: a, b/, 'not a host': /no FQDN/,
      'gitaly-01.x-stor-gprd.c.gitlab-gitaly-gprd-1.internal': /not in the configuration/
    })
    t.equal(excluded.length, 8)
  })

  await t.test('lines before the document do not matter', async (t) => {
    t.equal((await read(knife(prints(`WARNING: deprecated\n{ not json\n${same(gitaly)}\nbye\n`)))).nodes.length, 1)
  })

  await t.test('nothing found, a dead server, a crash and nonsense are told apart', async (t) => {
    const cases: readonly [string, string, RegExp][] = [
      [prints('0 items found\n', 1), 'INVENTORY_EMPTY', /no node for roles:gprd-base-stor/],
      [prints('{"results": 0, "rows": []}'), 'INVENTORY_EMPTY', /no node/],
      [prints('', 1, 'ERROR: Your private key could not be loaded\n'), 'INVENTORY_UNREADABLE', /exit code 1: ERROR: Your private key/],
      [prints('', 99, 'knife search failed: 503 glpat-secretsecret\n'), 'INVENTORY_UNREADABLE', /Chef server did not answer.*503 \[token\]$/],
      [prints('', 2), 'INVENTORY_UNREADABLE', /exit code 2/],
      [prints('hello'), 'INVENTORY_UNREADABLE', /no JSON with "rows"/],
      [prints('{"results": 2, "rows": [{"a": {"fqdn": "a.b"}}]}'), 'INVENTORY_UNREADABLE', /announces 2 nodes and lists 1/],
      [prints('{"results": 1, "rows": ["a"]}'), 'INVENTORY_UNREADABLE', /row 1/],
      [prints('{"results": 1, "rows": [{"a": {"fqdn": 7}}]}'), 'INVENTORY_UNREADABLE', /fqdn of a is no text/],
      [prints(same(gitaly).slice(0, 40)), 'INVENTORY_UNREADABLE', /no JSON/],
      [prints(same('praefect-1.internal')), 'INVENTORY_EMPTY', /1 excluded/]
    ]
    for (const [code, fault, text] of cases) t.match(await faultOf(t, read(knife(code))), { code: fault, message: text })
    t.match(await faultOf(t, read(section(`  knife: {query: q, command: /nowhere/knife}${mapping}`))), { code: 'INVENTORY_UNREADABLE', message: /cannot be started \(ENOENT\)/ })
  })

  await t.test('a knife that hangs is killed at its deadline', async (t) => {
    const began = performance.now()
    t.match(await faultOf(t, read(knife('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)', mapping, ', deadline: 1s'))), { code: 'INVENTORY_UNREADABLE', message: /did not end within 1s/ })
    t.ok(performance.now() - began < 3000)
  })

  await t.test('the query is one argument, whatever is in it, and secrets stay out of the environment', async (t) => {
    const file = join(await temporaryFolder(t, 'pitstop-knife-'), 'seen')
    process.env['PITSTOP_GITLAB_TOKEN'] = 'x'
    t.teardown(() => { delete process.env['PITSTOP_GITLAB_TOKEN'] })
    const code = `require('fs').writeFileSync(${JSON.stringify(file)}, JSON.stringify([process.argv.slice(1), Object.keys(process.env)])); process.exitCode = 1`
    await faultOf(t, read(section(`  knife: {query: 'a; touch /tmp/x "$HOME"', command: ${program(code)}}${mapping}`)))
    const [argv, environment] = JSON.parse(await readFile(file, 'utf8')) as [string[], string[]]
    t.strictSame(argv, ['search', 'node', 'a; touch /tmp/x "$HOME"', '-F', 'json', '-a', 'fqdn'])
    t.notOk(environment.includes('PITSTOP_GITLAB_TOKEN'))
    t.ok(environment.includes('PATH'))
  })
})

void t.test('a storage or an address that two nodes claim is refused, naming both', async (t) => {
  const rules = `
  nodes:
    - {match: '*.internal', storages: [default], zone: z, address: 'one.internal:7443'}
`
  t.match(await faultOf(t, read(knife(prints(same('a.internal', 'b.internal')), rules))), { code: 'INVALID_CONFIGURATION', message: 'The storage default is claimed by a.internal and b.internal\nThe agent address one.internal:7443 is claimed by a.internal and b.internal' })
})

void t.test('a template that names a "*" too many excludes the node', async (t) => {
  const rules = `
  nodes:
    - {match: 'a.internal', storages: ['s{1}'], zone: z, address: '{fqdn}:7443'}
    - {match: 'b.internal', storages: [s], zone: z, address: '{fqdn}:7443'}
`
  t.match((await read(knife(prints(same('a.internal', 'b.internal')), rules))).excluded, [{ node: 'a.internal', reasons: [{ text: /\{1\} in the rule "a\.internal" stands for nothing/ }] }])
})

void t.test('the file', async (t) => {
  const folder = await temporaryFolder(t, 'pitstop-inventory-')
  const file = join(folder, 'nodes.yaml')
  const inventory = createInventory(section(`  file: ${file}\n`))
  const given = async (text: string): Promise<InventoryReading> => {
    await writeFile(file, text)
    return await inventory.read()
  }
  t.match(await faultOf(t, inventory.read()), { code: 'INVENTORY_UNREADABLE', message: /nodes\.yaml cannot be read \(ENOENT\)/ })
  t.strictSame(await given('nodes:\n  - {node: B.internal, address: "127.0.0.1:7443", storages: [b, c], zone: z, gitaly: "127.0.0.1:9999"}\n  - {node: a.internal, address: "127.0.0.1:7444", storages: [a], zone: z}\n  - {node: p.internal, address: "p:1", storages: [x], zone: z, praefect: true}\n'), {
    nodes: [{ node: 'a.internal', address: '127.0.0.1:7444', storages: ['a'], zone: 'z' }, { node: 'b.internal', address: '127.0.0.1:7443', storages: ['b', 'c'], zone: 'z', gitaly: '127.0.0.1:9999' }],
    excluded: [{ node: 'p.internal', reasons: [{ code: 'NODE_EXCLUDED', text: 'p.internal is a Praefect node, which pitstop does not patch', hint: 'see the reason' }] }]
  }, 'read anew at each call')
  const problem = async (text: string): Promise<string> => (await faultOf(t, given(text))).message
  t.match(await problem('nodes:\n  - {node: a.b, address: "a:1", storages: [a], zone: z}\n  - {node: A.B, address: "b:1", storages: [b], zone: z}\n'), /nodes\.yaml:3:\d+: nodes\.1: this node stands in the list already/)
  t.match(await problem('nodes:\n  - {node: a.b, address: "a:1", storages: [a], zone: z, weight: 3}\n'), /nodes\.yaml:2:\d+: nodes\.0\.weight: unknown key/)
  t.match(await problem('nodes:\n  - {node: a b, address: nowhere, storages: [], zone: ""}\n'), /must be an FQDN[^]*must be host:port[^]*at least one storage[^]*must not be empty/)
  t.match(await problem('nodes:\n  - {node: a.b, address: "a:1", storages: [a, a], zone: z}\n'), /names a storage twice/)
  t.match(await problem('nodes: [\n'), /nodes\.yaml:\d+:\d+:/)
  t.match(await faultOf(t, given('nodes: []\n')), { code: 'INVENTORY_EMPTY' })
})

void t.test('the inventory section of the configuration', async (t) => {
  const problem = async (yaml: string): Promise<string> => (await faultOf(t, () => section(yaml))).message
  t.match(section(`  knife: {query: 'roles:x'}${mapping}`), { knife: { query: 'roles:x', command: ['knife'], deadlineMs: 60_000 } })
  t.match(await problem('  {}\n'), /c\.yaml:1:1: inventory\.file: missing/)
  t.match(await problem('  file: a\n  nodes: []\n'), /inventory\.nodes: unknown key/)
  t.match(await problem('  knife: {query: x}\n'), /inventory\.nodes: missing/)
  t.match(await problem('  knife: {query: -x, shell: bash}\n  nodes: []\n'), /must not begin with "-"[^]*unknown key[^]*must say which nodes/)
  t.match(await problem('  knife: {query: x, deadline: 5}\n  nodes:\n    - {match: "a b", storages: 3, zone: z, address: "{host}:1"}\n'), /must be a duration[^]*must be an FQDN[^]*list of names[^]*may hold \{fqdn\}/)
  t.match(await problem('  knife: {query: x}\n  nodes:\n    - {match: a.b, storages: [s], zone: z, address: "{fqdn}"}\n'), /must be host:port/)
  t.match(await problem('  knife: {query: x}\n  nodes:\n    - {match: a.b, storages: [s], zone: z, address: "{fqdn}:1", gitaly: "http://{fqdn}:9999"}\n'), /nodes\.0\.gitaly.*must be host:port, tcp:\/\/host:port, tls:\/\/host:port or unix:\/path/)
  t.match(await problem('  knife: {query: x}\n  nodes:\n    - {match: a.b, praefect: true, zone: z}\n'), /c\.yaml:4:\d+: inventory\.nodes\.0\.zone: unknown key/)
})

/** Gone with its test. */
async function temporaryFolder(owner: { teardown(handler: () => unknown): void }, prefix: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  owner.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
