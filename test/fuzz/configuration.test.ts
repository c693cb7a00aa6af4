// Everything that people write: coordinator.yml, agent.yml, nodes.yml, knife's answer, rules for nodes. Bombs, loops,
// doubled keys, numbers without end: all problems are told with file and line, or the settings are sound.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSettings as parseAgent } from '@pitstop/agent/src/config.ts'
import { createInventory } from '@pitstop/coordinator/adapters/inventory/inventory'
import { readKnifeAnswer } from '@pitstop/coordinator/adapters/inventory/knife-answer'
import { parseSettings as parseCoordinator } from '@pitstop/coordinator/config'
import { configurationTemplate } from '@pitstop/coordinator/config/template'
import { promiseLines } from '@pitstop/coordinator/domain/break-glass-lines'
import { parseDuration } from '@pitstop/shared/duration'
import { Fault } from '@pitstop/shared/fault'
import { attemptOf } from '@pitstop/shared/order-id'
import { redact } from '@pitstop/shared/redaction'
import fc from 'fast-check'
import t from 'tap'
import { broken, hold, holdAsync, requireFault } from './hold.ts'

const coordinator = configurationTemplate('lab')
const agent = `fleet: lab
node: n1.test
listen: 0.0.0.0:7441
coordinators: [pitstop.test:7442]
tls: { certificate: /a, key: /b, authority: /c }
gitaly: { address: "127.0.0.1:8075" }
`
const nodes = 'nodes:\n  - { node: n1.test, address: "n1.test:7441", storages: [s1], zone: a }\n  - { node: n2.test, address: "n2.test:7441", storages: [s2], zone: b }\n'

/** Each of these has stopped a YAML reader somewhere. */
const bombs: readonly string[] = [
  `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, i) => `${String.fromCharCode(98 + i)}: &${String.fromCharCode(98 + i)} [${Array.from({ length: 9 }, () => `*${String.fromCharCode(97 + i)}`).join(',')}]`).join('\n')}\n`,
  '&a [*a]', 'a: &a { b: *a }', 'x: *nowhere', '['.repeat(100_000), `${'{a: '.repeat(20_000)}1${'}'.repeat(20_000)}`, `${'- '.repeat(50_000)}x`, Array.from({ length: 3000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
  Array.from({ length: 40_000 }, (_, i) => `k${i}: 1`).join('\n'), 'fleet: a\nfleet: b', '<<: *x', '__proto__: { fleet: x }', 'constructor: 1', '? [a]\n: b', '!!js/function "x"', '!!binary "////"', '!!timestamp 2020', '%YAML 9.9\n---\na', '---\na\n---\nb',
  `fleet: ${'9'.repeat(5000)}`, 'fleet: 1e99999', 'fleet: .nan', 'fleet: 0o777', '\ufeff\ufeff', '\0', '\ud800', 'a: "\\ud800"', '"', '\'', '|', '>', `lease: { ttl: ${'1h'.repeat(10_000)} }`, `fleet: "${'x'.repeat(1_000_000)}"`,
  Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28]).toString('utf8'), 'null', '[]', '1', '""', '', '#', '...', '-', ':'
]

void t.test('coordinator.yml and agent.yml: sound settings or every problem with its line', async (t) => {
  for (const [name, good, parse] of [['coordinator.yml', coordinator, parseCoordinator], ['agent.yml', agent, parseAgent]] as const) {
    const read = (text: string): void => {
      try {
        const settings = parse(name, text)
        if (settings.fleet !== 'lab' && !/^[a-z0-9-]{1,63}$/.test(settings.fleet)) throw new TypeError(`fleet ${settings.fleet}`)
      } catch (error) {
        requireFault(error, ['INVALID_CONFIGURATION'])
        if (!(error instanceof Fault) || error.reasons.length === 0 || error.reasons.some(({ text: told }) => !/^\w+\.yml:\d+:\d+: /.test(told))) throw new Error('a problem without file and line', { cause: error })
      }
    }
    t.ok(hold(broken([good]), read, 80), name)
    for (const bomb of bombs) t.doesNotThrow(() => { hold(fc.constant(bomb), read, 1) }, `${name}: ${JSON.stringify(bomb.slice(0, 30))}`)
    for (const bomb of bombs.slice(0, 7)) t.doesNotThrow(() => { hold(fc.constant(`${good}\n${bomb}`), read, 1) }, `${name} and then ${JSON.stringify(bomb.slice(0, 30))}`)
  }
})

void t.test('nodes.yml: nodes with a storage each, or why not', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-fuzz-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const file = join(folder, 'nodes.yml')
  const read = async (text: string): Promise<void> => {
    writeFileSync(file, text)
    try {
      const { nodes: found } = await createInventory({ file }).read()
      if (found.length === 0 || found.some(({ storages, node }) => storages.length === 0 || node === '')) throw new TypeError('a node without storages')
    } catch (error) { requireFault(error, ['INVALID_CONFIGURATION', 'INVENTORY_EMPTY', 'INVENTORY_UNREADABLE']) }
  }
  t.ok(await holdAsync(broken([nodes]), read, 80))
  for (const bomb of bombs) await t.resolves(holdAsync(fc.constant(bomb), read, 1), JSON.stringify(bomb.slice(0, 30)))
  writeFileSync(file, Buffer.concat([Buffer.from('nodes:\n  - { node: "'), Buffer.from([0xff, 0xc3, 0x28]), Buffer.from('", address: "n:1", storages: [s], zone: a }\n')]))
  await t.rejects(createInventory({ file }).read(), { code: 'INVALID_CONFIGURATION', message: /nodes\.yml:2:\d+: .*FQDN/ }, 'bytes that are no UTF-8 are no name')
})

void t.test('knife\'s answer: nodes, or why it cannot be used', async (t) => {
  const good = '{\n  "results": 2,\n  "rows": [\n    {"n1": {"fqdn": "n1.test"}},\n    {"n2": {"fqdn": null}}\n  ]\n}\n'
  const read = (text: string): void => {
    try {
      for (const { chefName, fqdn } of readKnifeAnswer(text)) if (chefName === undefined || (fqdn !== null && typeof fqdn !== 'string')) throw new TypeError('half a node')
    } catch (error) { requireFault(error, ['INVENTORY_UNREADABLE']) }
  }
  const warnings = ['WARNING: x', '{ not json', 'ERROR: y', good]
  t.ok(hold(fc.array(broken(warnings), { maxLength: 4 }).map((parts) => parts.join('\n')), read, 300, [`${'{\n'.repeat(20_000)}}`, '['.repeat(200_000), '{"rows":[{"__proto__":{"fqdn":"x"}}]}', '{"results":"2","rows":[]}', '{"rows":{}}', `{"rows":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, `{\n${'{"a":1}\n'.repeat(20_000)}}`]))
})

void t.test('small texts: durations, order ids, break-glass lines, redaction', async (t) => {
  t.ok(hold(broken(['1h30m', '250ms', '10s', '1.5h', '9'.repeat(40) + 'd']), (text) => {
    const ms = parseDuration(text)
    if (ms !== undefined && !(Number.isSafeInteger(ms) && ms >= 0)) throw new Error(`${ms} ms`)
  }))
  t.ok(hold(broken(['reboot-1-0123456789abcdef01234567']), (text) => {
    const attempt = attemptOf(text)
    if (attempt !== undefined && !Number.isSafeInteger(attempt)) throw new Error(`attempt ${attempt}`)
  }))
  t.ok(hold(broken(['# weight:s1: weight of s1 was 100, node n1.test\ncurl x', '# assigner: assigner was active', '# weight:s1: weight of s1 was 999']), (text) => {
    for (const { id, previous, kind } of promiseLines(text)) {
      if (id === '' || (kind === 'weight' && !(typeof previous === 'number' && Number.isInteger(previous) && previous >= 0 && previous <= 100))) throw new Error(`${id}: ${String(previous)}`)
    }
  }))
  t.ok(hold(broken(['PRIVATE-TOKEN: glpat-abcdefgh', 'Authorization: Bearer abc.def', 'https://user:secret@host/']), (text) => { redact(text) }))
})
