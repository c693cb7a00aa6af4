// Judging the boot behind a reboot order, on a fake host with real files: what this node said at its own earlier starts, what
// is installed, and what a restarting process proves.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { acceptLogErrors } from '../cli/accept-log-errors.ts'
import { OrderStore } from '../adapters/order-store.ts'
import type { AcceptedOrder } from '../domain/order-record.ts'
import { type FakeHost, fakeHost } from '../fixtures/fake-host.ts'
import { buildHost } from '../host.ts'
import type { Logger } from '../ports.ts'
import { HealthWatcher, type Verdict } from './health-watcher.ts'

const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined }
const clock = { now: () => Date.now(), monotonic: () => performance.now() }

interface World {
  readonly fake: FakeHost
  readonly state: string
  /** One line of Gitaly's log, now or so many seconds ago. */
  /** A reboot order that was taken in and has not begun. */
  readonly accept: (id: string) => void
  readonly say: (level: string, msg: string, rest?: object, secondsAgo?: number) => void
  /** A reboot order, its upgrade, Gitaly's stop, the boot and its start with these errors. */
  readonly reboot: (boot: string, errors?: readonly string[], install?: AcceptedOrder['install']) => void
  /** A new agent's verdict, once it is no longer undecided. */
  readonly judge: (options?: { sinceLastStart?: boolean, order?: string, times?: number }) => Promise<Verdict>
}

async function world(t: { teardown: (undo: () => unknown) => void }): Promise<World> {
  const fake = await fakeHost()
  const state = mkdtempSync(join(tmpdir(), 'pitstop-after-'))
  const store = new OrderStore(state)
  store.prepare()
  const log = join(fake.root, 'var/log/gitlab/gitaly/current')
  writeFileSync(log, '')
  t.teardown(async () => {
    await fake.close()
    rmSync(state, { recursive: true, force: true })
  })
  let order = ''
  const say: World['say'] = (level, msg, rest = {}, secondsAgo = 0) => appendFileSync(log, `${JSON.stringify({ level, msg, ...rest, time: new Date(Date.now() - secondsAgo * 1000).toISOString() })}\n`)
  const accepted = (id: string, step: 'upgrade' | 'reboot', install: AcceptedOrder['install']): AcceptedOrder => ({
    id, step, fleet: 'test-fleet', node: 'n1.example', planHash: 'plan', manifestHash: 'm', digest: 'd', bootId: fake.bootId(), acceptedAtMs: Date.now(), reason: '', notes: [], install, simulated: [],
    ...step === 'reboot' ? { reboot: { delayMs: 0, filesystemIds: { s1: 'fs-1' }, storages: ['s1'], expectedKernel: '6.1.0-1' } } : {}
  })
  let attempt = 0
  return {
    fake, state, say,
    accept: (id) => { store.accept(accepted(id, 'reboot', []), { epoch: 1, notBeforeMs: 0, notAfterMs: Date.now() + 60_000 }) },
    reboot: (boot, errors = [], install = []) => {
      attempt++
      for (const step of ['upgrade', 'reboot'] as const) {
        const id = `${step}-${attempt}-abcdef`
        store.accept(accepted(id, step, step === 'upgrade' ? install : []), { epoch: 1, notBeforeMs: 0, notAfterMs: Date.now() + 60_000 })
        store.decide(id, { kind: 'begun', atMs: Date.now(), by: 'unit', reasons: [] })
      }
      order = `reboot-${attempt}-abcdef`
      say('info', 'Gitaly shutdown')
      const { ino, size } = statSync(log)
      store.markStop(order, { stopBegunAtMs: Date.now(), stoppedAtMs: Date.now(), stopNote: '', log: { inode: ino, offset: size }, rebootRequestedAtMs: Date.now() })
      fake.boot(boot)
      store.recordBoots(order, [boot])
      for (const error of errors) say('error', error, { pid: 100 + attempt })
      say('info', 'Started Gitaly')
    },
    judge: async ({ sinceLastStart = false, order: asked = order, times = 1 } = {}) => {
      const host = buildHost(fake.settings().host, clock)
      const watcher = new HealthWatcher(host, store, clock, quiet)
      try {
        for (let count = 0; ;) {
          const verdict = await watcher.verdict(asked, ['s1'], sinceLastStart)
          if (verdict.status !== 'unknown' && ++count >= times) return verdict
          await new Promise((resolve) => { setTimeout(resolve, 10) })
        }
      } finally {
        watcher.close()
        host.gitaly.close()
      }
    }
  }
}

const evidence = (verdict: Verdict, check: string): string => verdict.evidence.filter((each) => each.check === check).map(({ text }) => text).join(' | ')
const start = ({ say }: World, error: string, secondsAgo: number): void => {
  say('info', 'Starting Gitaly', {}, secondsAgo)
  say('error', error, { pid: 7 }, secondsAgo)
  say('info', 'Started Gitaly', {}, secondsAgo)
}

void t.test('an error that the start before our stop wrote too is told and does not fail the node; it stays known', async (t) => {
  const w = await world(t)
  start(w, 'cgroup 17 not there', 86_400)
  w.say('error', 'housekeeping failed', {}, 3600)
  w.reboot('boot-2', ['cgroup 4711 not there', 'cgroup 4712 not there'])
  const verdict = await w.judge()
  t.equal(verdict.status, 'healthy', JSON.stringify(verdict.reasons))
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)
  t.match(evidence(verdict, 'log'), new RegExp(`2 error lines, 1 different known since ${yesterday}, first: .*cgroup 4711`))
  writeFileSync(join(w.fake.root, 'var/log/gitlab/gitaly/current'), '')
  w.reboot('boot-3', ['cgroup 9 not there'])
  const later = await w.judge()
  t.equal(later.status, 'healthy', 'the log of that start is gone, and it is remembered')
  t.match(evidence(later, 'log'), new RegExp(`known since ${yesterday}`))
  t.equal((await w.judge({ order: '' })).status, 'healthy', 'and it is known to a boot that nobody ordered')
})

void t.test('without an earlier start it is strict; what failed a boot never becomes known by itself, by a recheck or by time', async (t) => {
  const w = await world(t)
  w.reboot('boot-2', ['a new error'])
  const first = await w.judge()
  t.match(first, { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR', text: /1 error line; no start of Gitaly.*a new error/ }] })
  t.match(await w.judge({ sinceLastStart: true }), { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR' }] }, 'a person\'s recheck is judged by the same rules')
  // Weeks in service, and then the next window: the start before the stop is the failed one.
  w.reboot('boot-3', ['a new error'])
  t.match(await w.judge(), { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR', text: /it made an earlier boot unhealthy too\): .*a new error/ }] })
  // Mended by a restart of Gitaly: the last start is clean, and teaches nothing about the error.
  w.say('info', 'Starting Gitaly')
  w.say('info', 'Started Gitaly')
  t.match(await w.judge({ sinceLastStart: true }), { status: 'healthy' })
  w.reboot('boot-4', ['a new error'])
  t.match(await w.judge(), { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR' }] })
  t.notMatch(readFileSync(join(w.state, 'log-history.json'), 'utf8'), /"known":\[\{/)
})

void t.test('what a person accepts is known, to the running agent at once and to the boots that follow; fatal lines never are', async (t) => {
  const w = await world(t)
  w.reboot('boot-2', ['a new error'])
  t.match(await w.judge(), { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR', hint: /pitstop-agent accept-log-errors --reason/ }] })
  w.reboot('boot-3', ['a new error', 'another one'])
  const settings = { ...w.fake.settings(), state: w.state }
  const host = buildHost(settings.host, clock)
  const watcher = new HealthWatcher(host, new OrderStore(w.state), clock, quiet)
  t.teardown(() => { watcher.close(); host.gitaly.close() })
  const judge = async (): Promise<Verdict> => {
    for (;;) {
      const verdict = await watcher.verdict('reboot-2-abcdef', ['s1'])
      if (verdict.status !== 'unknown') return verdict
      await new Promise((resolve) => { setTimeout(resolve, 10) })
    }
  }
  t.equal((await judge()).status, 'unhealthy')
  t.equal(acceptLogErrors(settings, 'CVE-1 broke the cgroup'), 0)
  const verdict = await judge()
  t.equal(verdict.status, 'healthy', JSON.stringify(verdict.reasons))
  t.match(JSON.parse(readFileSync(join(w.state, 'log-history.json'), 'utf8')), { condemned: [], known: [{ accepted: { by: / on n1\.example/, reason: 'CVE-1 broke the cgroup' } }, {}] })
  t.throws(() => acceptLogErrors(settings, 'again'), { code: 'NOT_NOW' })
  w.reboot('boot-4', ['a new error'])
  t.equal((await w.judge()).status, 'healthy')
  t.match(readFileSync(join(w.state, 'log-history.json'), 'utf8'), /CVE-1 broke/)
  w.reboot('boot-5', ['Unable to write gitaly metadata file'])
  t.equal((await w.judge()).status, 'unhealthy')
  t.throws(() => acceptLogErrors(settings, 'no'), { code: 'NOT_NOW' })
})

void t.test('an agent that dies while it compares does not condemn the error: the same boot is compared again', async (t) => {
  const w = await world(t)
  start(w, 'cgroup not there', 86_400)
  w.reboot('boot-2', ['cgroup not there'])
  writeFileSync(join(w.state, 'log-history.json'), JSON.stringify({ version: 1, boots: [], known: [], condemned: [{ pattern: 'msg=cgroup not there', bootId: 'boot-2' }], overflowed: false }))
  t.equal((await w.judge()).status, 'healthy')
  const history = JSON.parse(readFileSync(join(w.state, 'log-history.json'), 'utf8')) as { condemned: object[], known: { pattern: string }[] }
  t.same([history.condemned, history.known.map(({ pattern }) => pattern)], [[], ['msg=cgroup not there']])
})

void t.test('a boot that is unhealthy for another reason teaches nothing', async (t) => {
  const w = await world(t)
  start(w, 'cgroup not there', 86_400)
  w.reboot('boot-2', ['cgroup not there'])
  w.fake.gitaly.filesystemId = 'fs-of-an-empty-directory'
  t.match(await w.judge({ times: 3 }), { status: 'unhealthy', reasons: [{ code: 'STORAGE_CHANGED' }] })
  t.match(readFileSync(join(w.state, 'log-history.json'), 'utf8'), /"boots":\[\],"known":\[\]/)
})

void t.test('fatal lines and an unwritable storage are never excused', async (t) => {
  for (const text of ['unclean Gitaly shutdown: create external gRPC server: no', 'load config: config_path "x": no', 'panic: nil', 'Refusing to start because /data is not a mountpoint.']) {
    const w = await world(t)
    const log = join(w.fake.root, 'var/log/gitlab/gitaly/current')
    w.say('info', 'Starting Gitaly', {}, 600)
    appendFileSync(log, `${text}\n`)
    w.reboot('boot-2')
    appendFileSync(log, `${text}\n`)
    t.match(await w.judge(), { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR' }] }, text)
  }
  const w = await world(t)
  start(w, 'Unable to write gitaly metadata file', 600)
  w.reboot('boot-2', ['Unable to write gitaly metadata file'])
  t.match(await w.judge(), { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR' }] })
})

void t.test('a history that cannot be read excuses nothing, and says nothing worse', async (t) => {
  const w = await world(t)
  start(w, 'cgroup not there', 86_400)
  writeFileSync(join(w.state, 'log-history.json'), '{"version":')
  w.reboot('boot-2', ['cgroup not there'])
  t.match(await w.judge(), { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR' }] })
  const clean = await world(t)
  writeFileSync(join(clean.state, 'log-history.json'), '{"version":')
  clean.reboot('boot-2')
  t.equal((await clean.judge()).status, 'healthy')
})

void t.test('with level warn, where nothing marks a start, a recheck goes by the age of the process', async (t) => {
  const w = await world(t)
  w.reboot('boot-2')
  const log = join(w.fake.root, 'var/log/gitlab/gitaly/current')
  const { log: mark } = JSON.parse(readFileSync(join(w.state, 'orders/reboot-1-abcdef/mark.json'), 'utf8')) as { log: { offset: number } }
  truncateSync(log, mark.offset)
  w.fake.write('proc/uptime', '100.00 100.00\n')
  w.say('error', 'disk quota', {}, 20)
  w.say('warning', 'something', {}, 5)
  w.fake.write('status', 'run: gitaly: (pid 42) 21s; run: log: (pid 41) 100s\n')
  t.match(await w.judge({ sinceLastStart: true }), { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR' }] }, 'said by the process that runs')
  w.fake.write('status', 'run: gitaly: (pid 77) 9s; run: log: (pid 41) 100s\n')
  t.match(await w.judge({ sinceLastStart: true }), { status: 'healthy' }, 'said by the one before it')
  t.match(await w.judge(), { status: 'unhealthy' }, 'behind the mark it counts all the same')
})

void t.test('a log that did not exist when it should have been marked is read from its beginning', async (t) => {
  const w = await world(t)
  w.reboot('boot-2', ['a new error'])
  const mark = join(w.state, 'orders/reboot-1-abcdef/mark.json')
  const { log: _, ...rest } = JSON.parse(readFileSync(mark, 'utf8')) as { log: object }
  writeFileSync(mark, JSON.stringify(rest))
  t.match(await w.judge(), { status: 'unhealthy', reasons: [{ code: 'STARTUP_ERROR', text: /there was no log before the stop/ }] })
})

void t.test('installed is what the plan\'s upgrade installed: older or missing is unhealthy, newer is said, and dpkg must be clean', async (t) => {
  const w = await world(t)
  w.fake.write('installed', 'a\t2\tii \nb\t1\tii \n')
  w.reboot('boot-2', [], [{ name: 'a', version: '2' }])
  t.match(evidence(await w.judge(), 'packages'), /^1 packages as in the manifest; dpkg --audit is clean$/)
  w.fake.write('installed', 'a\t3\tii \nb\t1\tii \n')
  t.match(evidence(await w.judge(), 'packages'), /newer than the manifest: a 3 \(manifest 2\)/)
  w.fake.write('installed', 'a\t1\tii \nb\t1\tii \n')
  t.match(await w.judge(), { status: 'unhealthy', reasons: [{ code: 'PACKAGES_DIFFER', text: /a is 1; the manifest has 2/ }] })
  w.fake.write('installed', 'a\t2\tiF \nb\t1\tii \n')
  w.fake.write('audit', 'The following packages are only half configured\n a\n')
  t.match((await w.judge()).reasons.map(({ code }) => code), ['PACKAGES_DIFFER', 'DPKG_BROKEN'])
  w.fake.remove('audit')
  t.equal((await w.judge({ order: '' })).status, 'healthy', 'without an order there is no manifest')
})

void t.test('a process that dies again and again is a crash loop, though each look finds one that serves', async (t) => {
  const w = await world(t)
  w.reboot('boot-2')
  const host = buildHost(w.fake.settings().host, clock)
  const store = new OrderStore(w.state)
  const watcher = new HealthWatcher(host, store, clock, quiet)
  t.teardown(() => { watcher.close(); host.gitaly.close() })
  const look = async (line: string): Promise<Verdict> => {
    w.fake.write('status', `${line}\n`)
    return watcher.verdict('reboot-1-abcdef', ['s1'])
  }
  for (let pid = 50; pid < 54; pid++) await look(`run: gitaly: (pid ${pid}) 1s; run: log: (pid 41) 100s`)
  t.match(await look('run: gitaly: (pid 54) 0s; run: log: (pid 41) 100s'), { status: 'unhealthy', reasons: [{ code: 'SERVICE_UNHEALTHY', text: /crash loop: started 4 times/ }] })
  t.match(await look('down: gitaly: 0s, normally up, want up; run: log: (pid 41) 100s'), { status: 'unhealthy', reasons: [{ text: /crash loop/ }] })
  t.equal((await look('run: gitaly: (pid 54) 31s; run: log: (pid 41) 130s')).status, 'healthy', 'until one has run for half a minute')
})

void t.test('a host that went down by itself ahead of its order is judged in the boot that it is in: its Gitaly, its kernel and its log since then', async (t) => {
  const w = await world(t)
  const store = new OrderStore(w.state)
  start(w, 'boom of an earlier boot', 600)
  w.accept('reboot-1-abcdef')
  w.fake.boot('boot-2')
  w.say('info', 'Started Gitaly')
  for (const decided of [false, true]) {
    if (decided) store.decide('reboot-1-abcdef', { kind: 'cancelled', atMs: Date.now(), by: 'agent', reasons: [] })
    const verdict = await w.judge({ order: 'reboot-1-abcdef' })
    t.match(verdict, { status: 'healthy', bootId: 'boot-2' }, decided ? 'cancelled' : 'not decided yet')
    t.match(evidence(verdict, 'boot'), /one reboot since reboot-1-abcdef; boot boot-2/)
  }
  w.fake.write('proc/sys/kernel/osrelease', '6.1.0-0\n')
  t.match(await w.judge({ order: 'reboot-1-abcdef' }), { status: 'unhealthy' })
})

void t.test('right after the boot a supervisor that is not there yet is waited for, until the deadline', async (t) => {
  const w = await world(t)
  w.reboot('boot-2')
  const host = buildHost(w.fake.settings().host, clock)
  const watcher = new HealthWatcher(host, new OrderStore(w.state), clock, quiet)
  t.teardown(() => { watcher.close(); host.gitaly.close() })
  for (const line of ['fail: gitaly: runsv not running', 'warning: gitaly: unable to open supervise/ok: file does not exist', '']) {
    w.fake.write('status', `${line}\n`)
    t.match(await watcher.verdict('reboot-1-abcdef', ['s1']), { status: 'unknown' }, line)
  }
  w.fake.write('proc/uptime', '31.00 31.00\n')
  t.match(await watcher.verdict('reboot-1-abcdef', ['s1']), { status: 'unhealthy', reasons: [{ code: 'SERVICE_UNHEALTHY', text: /not enabled/ }] })
})
