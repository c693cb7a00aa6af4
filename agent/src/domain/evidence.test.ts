// What the verdict's newer evidence says: packages, kernel, refused tokens, crash loops; and that nothing unknown is healthy.
import * as fc from 'fast-check'
import t from 'tap'
import { clockGapMs, explainRefusal, type GitalyAnswer } from './gitaly-answer.ts'
import { type HealthFacts, judge } from './health-verdict.ts'
import { nothingExcused } from './log-finding.ts'
import { emptyTestimony } from './log-verdict.ts'
import type { OrderFiles } from './order-record.ts'
import { comparePackages, expectedPackages } from './package-evidence.ts'

const known = <T>(value: T): { value: T } => ({ value })
const running = { name: 'gitaly', state: 'run', pid: 7, uptimeS: 3, normallyDown: false, text: 'run: gitaly: (pid 7) 3s' } as const
const at = Date.parse('2026-11-22T10:00:20Z')
const well: HealthFacts = {
  atMs: at, bootId: 'b2', uptimeMs: 20_000, startDeadlineMs: 300_000, wasHealthy: false, startsMs: [], compared: nothingExcused, kernel: known('6.1'), service: known(running), grpc: known('SERVING'),
  storages: known([{ name: 's', readable: true, writeable: true, filesystemId: 'fs' }]), wanted: ['s'], log: known(emptyTestimony),
  packages: known({ expected: 3, differing: [], newer: [], audit: '' }),
  expectation: { orderId: 'o', bootsSince: 1, failed: false, expectedKernel: '6.1', filesystemIds: { s: 'fs' } }
}

const order = (id: string, step: 'upgrade' | 'reboot', planHash: string, install: string, began: boolean): OrderFiles => ({
  id, boots: [],
  accepted: { id, step, planHash, install: install.split(' ').filter((each) => each !== '').map((each) => ({ name: each.split('=')[0] ?? '', version: each.split('=')[1] ?? '' })), fleet: 'f', node: 'n', manifestHash: '', digest: '', bootId: 'b1', acceptedAtMs: 1, reason: '', notes: [], simulated: [] },
  ...began ? { decision: { kind: 'begun', atMs: 1, by: 'unit', reasons: [] } } : {}
})

void t.test('what a plan\'s upgrade installed here: all attempts that began, the newest for each package', (t) => {
  const orders = [
    order('upgrade-2-aa', 'upgrade', 'p', 'b=3 c=1', true), order('upgrade-1-aa', 'upgrade', 'p', 'a=2 b=2', true), order('upgrade-3-aa', 'upgrade', 'p', 'a=9', false),
    order('upgrade-1-bb', 'upgrade', 'other', 'z=1', true), order('reboot-1-aa', 'reboot', 'p', '', true)
  ]
  t.same(expectedPackages(orders, 'p'), [{ name: 'a', version: '2' }, { name: 'b', version: '3' }, { name: 'c', version: '1' }], 'what a later attempt found done already still counts')
  t.same(expectedPackages(orders, 'nobody'), [])
  t.same(comparePackages([{ name: 'a', version: '1:2-1' }, { name: 'b', version: '2' }, { name: 'c', version: '2' }, { name: 'libc6:i386', version: '2' }],
    [{ name: 'a', version: '1:2-1' }, { name: 'b', version: '10' }, { name: 'libc6', version: '2' }, { name: 'libc6', version: '1' }], ' \n'),
  { expected: 4, differing: ['c is not installed; the manifest has 2', 'libc6:i386 is 1; the manifest has 2'], newer: ['b 10 (manifest 2)'], audit: '' }, 'of two architectures the older one counts')
  t.end()
})

void t.test('packages and kernel in the verdict', (t) => {
  t.equal(judge(well).status, 'healthy')
  const facts = (part: object): HealthFacts => ({ ...well, packages: known({ expected: 3, differing: [], newer: [], audit: '', ...part }) })
  t.match(judge(facts({ newer: ['b 10 (manifest 2)'] })), { status: 'healthy', evidence: [{}, {}, {}, {}, {}, {}, { check: 'packages', text: /^2 packages.*newer than the manifest: b 10/ }] })
  t.match(judge(facts({ differing: ['c is 1; the manifest has 2'] })), { status: 'unhealthy', reasons: [{ code: 'PACKAGES_DIFFER' }] })
  t.match(judge(facts({ audit: 'c is half-configured' })), { status: 'unhealthy', reasons: [{ code: 'DPKG_BROKEN' }] })
  t.match(judge({ ...well, packages: { unknown: 'dpkg-query did not end' } }), { status: 'unknown' })
  const blind = judge({ ...well, expectation: { ...well.expectation, expectedKernel: '' } as never })
  t.match(blind, { status: 'healthy' }, 'nothing known of the kernel to expect fails nobody')
  t.match(blind.evidence.find(({ check }) => check === 'kernel'), { text: 'kernel 6.1; which one was expected is not known' }, 'and is said')
  t.end()
})

void t.test('a refused token: the clock is named when Gitaly\'s own log contradicts it', (t) => {
  const marker = (seconds: number): number => at - seconds * 1000
  // The process runs for 20 s by the service manager.
  for (const [markerMs, gap] of [[marker(19), 0], [marker(1), 0], [marker(0), 0], [marker(81), 60_000], [marker(-60), -60_000], [0, 0]] as const) {
    t.equal(clockGapMs({ atMs: at, processUptimeS: 20, markerMs }), gap)
  }
  t.equal(clockGapMs({ atMs: at, processUptimeS: undefined, markerMs: marker(500) }), 0)
  t.match(explainRefusal('PERMISSION_DENIED: permission denied', { atMs: at, processUptimeS: 20, markerMs: marker(81) }), { clock: true, text: /clock\? This agent's \(2026-11-22T10:00:20\.000Z\) is at least 1m ahead of/ })
  t.match(explainRefusal('x', { atMs: at, processUptimeS: 20, markerMs: marker(5) }), { clock: false, text: /the secret is not Gitaly's, or the clock\?/ })
  const refused: GitalyAnswer<never> = { unknown: 'PERMISSION_DENIED: permission denied', trouble: 'refused' }
  const late = { ...well, uptimeMs: 400_000, grpc: refused, storages: refused }
  t.same(judge(late).reasons.map(({ code }) => code), ['GITALY_TOKEN', 'GITALY_TOKEN'])
  t.same(judge({ ...late, log: known({ ...emptyTestimony, lastMarkerMs: marker(-60) }) }).reasons.map(({ code }) => code), ['CLOCK_OFF', 'CLOCK_OFF'])
  t.match(judge({ ...well, grpc: refused }), { status: 'unknown' }, 'a clock may be set within the start deadline')
  t.same(judge({ ...late, grpc: { unknown: 'x', trouble: 'certificate' }, storages: { unknown: 'x', trouble: 'token' } }).reasons.map(({ code }) => code), ['GITALY_CERTIFICATE', 'GITALY_TOKEN'])
  t.end()
})

void t.test('systemd\'s own count of restarts is a crash loop soon after the boot, and history later', (t) => {
  const looping = { ...running, uptimeS: 1, restarts: 6 }
  t.match(judge({ ...well, service: known(looping) }), { status: 'unhealthy', reasons: [{ text: /crash loop: started 7 times/ }] })
  t.equal(judge({ ...well, service: known({ ...looping, uptimeS: 30 }) }).status, 'healthy')
  t.equal(judge({ ...well, uptimeMs: 86_400_000, service: known(looping) }).status, 'healthy', 'restarts of weeks')
  t.equal(judge({ ...well, startsMs: [1000, 2000, 3000, 4000], uptimeMs: 86_400_000 }).status, 'healthy', 'and starts of long ago')
  t.end()
})

void t.test('whatever is unknown, the verdict is not healthy; whatever is unhealthy, it is unhealthy', (t) => {
  const answers = { kernel: well.kernel, service: well.service, grpc: well.grpc, storages: well.storages, log: well.log, packages: well.packages } as const
  const trouble = fc.constantFrom(undefined, 'refused', 'token', 'certificate')
  fc.assert(fc.property(fc.subarray(Object.keys(answers), { minLength: 1 }), trouble, fc.boolean(), fc.nat(600_000), (unknowns, why, wasHealthy, uptimeMs) => {
    const facts = { ...well, wasHealthy, uptimeMs, ...Object.fromEntries(unknowns.map((key) => [key, { unknown: 'x', ...why === undefined ? {} : { trouble: why } }])) } as HealthFacts
    const { status, evidence, reasons } = judge(facts)
    if (status === 'healthy' || reasons.length === 0) throw new Error(`${unknowns.join()} unknown, and ${status}`)
    if ((status === 'unhealthy') !== evidence.some((each) => each.status === 'unhealthy')) throw new Error('status and evidence differ')
  }))
  t.pass('in every combination')
  t.end()
})
