// The words that both ends share: faults, ids, durations, identities, digests, redaction, lease arithmetic.
import fc from 'fast-check'
import t from 'tap'
import * as v from 'valibot'
import { duration, hostPort, readConfiguration } from './configuration.ts'
import { canonicalJson, manifestHash, sha256 } from './digest.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { Fault, asFault, chain } from './fault.ts'
import { faultTable, isFaultCode } from './fault-table.ts'
import { identityFromAltNames, identityUri, isNodeName } from './identity.ts'
import { heldLease, leaseCovers, renewalInterval } from './lease.ts'
import { attemptOf, orderId } from './order-id.ts'
import { redact } from './redaction.ts'

void t.test('every fault says what, and what to do', async (t) => {
  for (const [code, kind] of Object.entries(faultTable)) {
    t.match(code, /^[A-Z]+(?:_[A-Z]+)*$/)
    t.ok(kind.meaning.length > 5 && kind.hint.length > 3, code)
    t.ok(kind.http >= 400 && kind.http < 600, code)
  }
  t.ok(isFaultCode('STALE_EPOCH'))
  t.notOk(isFaultCode('toString'), 'no code by inheritance')
})

void t.test('a chain of causes is told once, in order', async (t) => {
  const fault = new Fault('STORE_UNAVAILABLE', 'cannot journal', { cause: new Error('disk full', { cause: new Error('disk full') }) })
  t.equal(chain(fault), 'cannot journal: disk full')
  t.equal(asFault('text').code, 'INTERNAL')
  t.equal(asFault(fault), fault)
})

void t.test('durations: every text that is printed is read back; bare numbers are refused', async (t) => {
  t.equal(parseDuration('1h30m'), 5_400_000)
  t.equal(parseDuration('250ms'), 250)
  for (const bad of ['10', '', 's', '1x', '-1s', '1 s', '1e3s']) t.equal(parseDuration(bad), undefined, bad)
  fc.assert(fc.property(fc.integer({ min: 0, max: 999 }), (ms) => parseDuration(formatDuration(ms)) === ms))
  fc.assert(fc.property(fc.integer({ min: 1000, max: 3_599_999 }), (ms) => Math.abs((parseDuration(formatDuration(ms)) ?? -1) - ms) < 1000))
  t.equal(formatDuration(125_000), '2m05s')
  t.equal(formatDuration(19_200_000), '5h20m')
})

void t.test('identities: written and read back; anything else is nobody', async (t) => {
  const identity = { fleet: 'gprd', role: 'agent', name: 'gitaly-01.internal' } as const
  t.same(identityFromAltNames(`DNS:gitaly-01.internal, URI:${identityUri(identity)}`), identity)
  for (const bad of [undefined, '', 'DNS:a', 'URI:spiffe://gprd/pitstop/root/a', 'URI:spiffe://gprd/pitstop/agent/a, URI:spiffe://gprd/pitstop/coordinator/b', 'URI:spiffe://gprd/pitstop/agent/a/b', 'URI:spiffe://GPRD/pitstop/agent/a']) {
    t.equal(identityFromAltNames(bad), undefined, String(bad))
  }
  t.notOk(isNodeName('a..b'))
  fc.assert(fc.property(fc.string(), (text) => { identityFromAltNames(text); return true }))
})

void t.test('canonical JSON does not depend on the order of keys; a manifest\'s hash not on the order of packages', async (t) => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => canonicalJson(value) === canonicalJson(Object.fromEntries(Object.entries(value).reverse()))))
  const packages = [{ name: 'a', version: '1' }, { name: 'b', version: '2' }]
  t.equal(manifestHash(packages), manifestHash([...packages].reverse()))
  t.not(manifestHash(packages), manifestHash([]))
  t.equal(sha256(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})

void t.test('an order\'s id is a function of plan, node, step and attempt, and fits a unit name', async (t) => {
  const key = { planHash: 'p', node: 'n', step: 'reboot', attempt: 1 }
  t.equal(orderId(key), orderId({ ...key }))
  const others = [{ ...key, planHash: 'q' }, { ...key, node: 'm' }, { ...key, step: 'stage' }, { ...key, attempt: 2 }].map(orderId)
  t.equal(new Set([orderId(key), ...others]).size, 5)
  t.match(orderId(key), /^[a-z0-9-]{1,64}$/)
  t.equal(attemptOf(orderId({ ...key, attempt: 12 })), 12)
  t.equal(attemptOf('reboot-x-1'), undefined)
})

void t.test('a lease counts from before the renewal was sent and must outlive what is begun under it', async (t) => {
  const lease = heldLease(3, 1000, 30_000)
  t.ok(leaseCovers(lease, 1000, 10_000))
  t.ok(leaseCovers(lease, 20_999, 10_000))
  t.notOk(leaseCovers(lease, 21_000, 10_000), 'an effect that could end with the lease is not begun')
  t.ok(renewalInterval(30_000) * 2 < 30_000, 'one renewal may fail')
})

void t.test('nothing that looks like a token gets through', async (t) => {
  t.notMatch(redact('PRIVATE-TOKEN glpat-abcDEF123 Bearer v2.aa.1 https://u:secret@host/'), /abcDEF123|v2\.aa|secret/)
})

void t.test('configuration: every problem at once, with line and column', async (t) => {
  const schema = v.strictObject({ listen: hostPort, soak: v.optional(duration, '10s'), nodes: v.array(v.strictObject({ name: v.string() })) })
  const thrown = t.throws(() => readConfiguration('a.yml', 'listen: x\nsok: 10s\nsoak: abc\nnodes:\n  - nam: b\n', schema), { code: 'INVALID_CONFIGURATION' }) as Fault
  t.same(thrown.reasons.map(({ text }) => text.split(' ')[0]), ['a.yml:1:1:', 'a.yml:2:1:', 'a.yml:3:1:', 'a.yml:5:5:', 'a.yml:5:5:'])
  t.same(readConfiguration('a.yml', 'listen: a:1\nnodes: []\n', schema), { listen: 'a:1', soak: 10_000, nodes: [] })
  t.throws(() => readConfiguration('a.yml', 'listen: a:1\nlisten: b:2\nnodes: []', schema), { code: 'INVALID_CONFIGURATION' }, 'a key twice')
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      readConfiguration('a.yml', text, schema)
      return false
    } catch (error) {
      return error instanceof Fault && error.code === 'INVALID_CONFIGURATION'
    }
  }))
})
