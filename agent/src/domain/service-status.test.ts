// The service manager's words. What stands under "systemd" was printed by systemd 252 in a booted Debian 12 (systemctl show
// with our properties); what stands under "runit" by sv of runit 2.1.2, as gitlab-ctl hands it on.
import * as fc from 'fast-check'
import t from 'tap'
import { gitlabCtlService, parseGitlabCtl, parseSystemctlShow, systemctlProperties } from './service-status.ts'

/** CLOCK_MONOTONIC when they were printed. */
const nowMs = 12_060_700
const show = (values: readonly [mainPid: number, result: string, restarts: number, startedUs: number, load: string, active: string, sub: string, file: string, activeUs: number]): string => {
  const [mainPid, result, restarts, startedUs, load, active, sub, file, activeUs] = values
  return `MainPID=${mainPid}\nResult=${result}\nNRestarts=${restarts}\nExecMainStartTimestampMonotonic=${startedUs}\nLoadState=${load}\nActiveState=${active}\nSubState=${sub}\nUnitFileState=${file}\nActiveEnterTimestampMonotonic=${activeUs}\n`
}

void t.test('systemd: a unit runs when it is active with a process; every other state is told as what it is', (t) => {
  const cases: readonly (readonly [string, string, object])[] = [
    ['running', show([40, 'success', 0, 12_041_210_162, 'loaded', 'active', 'running', 'enabled', 12_041_211_119]), { state: 'run', pid: 40, uptimeS: 19, normallyDown: false, restarts: 0, text: 'active (running), pid 40, enabled' }],
    ['stopping', show([41, 'success', 0, 12_041_211_664, 'loaded', 'deactivating', 'stop-sigterm', 'enabled', 12_041_211_699]), { state: 'finish', pid: 41 }],
    ['failed', show([0, 'exit-code', 0, 12_041_203_151, 'loaded', 'failed', 'failed', 'enabled', 12_041_203_180]), { state: 'down', pid: 0, uptimeS: 0, text: 'failed (failed), exit-code, pid 0, enabled' }],
    ['start limit hit', show([0, 'exit-code', 5, 12_042_084_326, 'loaded', 'failed', 'failed', 'enabled', 12_042_084_696]), { state: 'down', restarts: 5 }],
    ['crash loop, alive for a moment', show([155, 'success', 6, 12_060_356_277, 'loaded', 'active', 'running', 'enabled', 12_060_356_492]), { state: 'run', uptimeS: 0, restarts: 6 }],
    ['crash loop, between two lives', show([0, 'success', 6, 12_060_356_277, 'loaded', 'activating', 'auto-restart', 'enabled', 12_060_356_492]), { state: 'down', pid: 0, restarts: 6 }],
    ['Type=notify before it says READY', show([35, 'success', 0, 12_041_206_540, 'loaded', 'activating', 'start', 'enabled', 0]), { state: 'down', text: /activating \(start\)/ }],
    ['waiting in ExecStartPre', show([0, 'success', 0, 0, 'loaded', 'activating', 'start-pre', 'enabled', 0]), { state: 'down' }],
    ['reloading', show([39, 'success', 0, 12_041_209_466, 'loaded', 'reloading', 'reload', 'enabled', 12_041_209_501]), { state: 'run', pid: 39, uptimeS: 19 }],
    ['active without a process', show([0, 'success', 0, 12_041_207_969, 'loaded', 'active', 'exited', 'enabled', 12_041_221_480]), { state: 'unknown' }],
    ['disabled', show([0, 'success', 0, 0, 'loaded', 'inactive', 'dead', 'disabled', 0]), { state: 'down', normallyDown: true }],
    ['static, started by somebody else', show([207, 'success', 0, 12_060_664_306, 'loaded', 'active', 'running', 'static', 12_060_664_709]), { state: 'run', normallyDown: false }],
    ['masked', show([0, 'success', 0, 0, 'masked', 'inactive', 'dead', 'masked', 0]), { state: 'down', normallyDown: true, text: /masked/ }],
    ['masked while it runs', show([381, 'success', 0, 12_055_000_000, 'masked', 'active', 'running', 'masked-runtime', 12_055_000_000]), { state: 'run', normallyDown: true }],
    ['enabled in /run only: gone at the next boot', show([40, 'success', 0, 12_041_210_162, 'loaded', 'active', 'running', 'enabled-runtime', 12_041_211_119]), { state: 'run', normallyDown: true }],
    ['linked', show([0, 'success', 0, 0, 'loaded', 'inactive', 'dead', 'linked', 0]), { normallyDown: true }],
    ['transient', show([1, 'success', 0, 12_055_000_000, 'loaded', 'active', 'running', 'transient', 12_055_000_000]), { normallyDown: true }],
    ['a broken unit file', show([0, 'success', 0, 0, 'bad-setting', 'inactive', 'dead', 'enabled', 0]), { state: 'down', text: /bad-setting/ }],
    ['a condition that does not hold', show([0, 'success', 0, 0, 'loaded', 'inactive', 'dead', 'enabled', 0]), { state: 'down', normallyDown: false }],
    ['no such unit', show([0, 'success', 0, 0, 'not-found', 'inactive', 'dead', '', 0]), { state: 'down', normallyDown: true, text: 'inactive (dead), not-found, pid 0, no unit file' }],
    ['no answer', '', { state: 'unknown' }],
    ['a state of the future', show([5, 'success', 0, 12_055_000_000, 'loaded', 'hibernating', 'deep', 'enabled', 12_055_000_000]), { state: 'unknown' }]
  ]
  for (const [name, text, expected] of cases) t.match(parseSystemctlShow(text, 'gitaly', nowMs), expected, name)
  t.same(systemctlProperties.split(',').filter((property) => !show([0, '', 0, 0, '', '', '', '', 0]).includes(`${property}=`)), [], 'everything that is asked for is printed above')
  t.end()
})

void t.test('systemd: the age is that of the process, counted on the clock that systemd stamps with', (t) => {
  const notify = show([35, 'success', 0, 12_000_700_000, 'loaded', 'active', 'running', 'enabled', 12_050_700_000])
  t.equal(parseSystemctlShow(notify, 'gitaly', nowMs).uptimeS, 60, 'not since it said READY')
  t.equal(parseSystemctlShow(notify, 'gitaly', 30_000).uptimeS, 0, 'never negative')
  t.end()
})

void t.test('runit: what surrounds the line of the service is not taken for it', (t) => {
  const all = 'run: alertmanager: (pid 1) 9s; run: log: (pid 2) 9s\n--------------------\nExternal Services\n--------------------\nrun: postgresql: connected OK to db:5432\nrun: gitaly: (pid 6507) 59s; run: log: (pid 6506) 59s\nwarning: gitaly-x: unable to open supervise/ok: access denied\n'
  t.same(parseGitlabCtl(all).map(({ name, state }) => `${name} ${state}`), ['alertmanager run', 'postgresql unknown', 'gitaly run', 'gitaly-x unsupervised'])
  const cases: readonly (readonly [string, object])[] = [
    ['warning: gitaly: text of the future\nrun: gitaly: (pid 6507) 59s; run: log: (pid 6506) 59s', { state: 'run', pid: 6507 }],
    ['run: /opt/gitlab/service/gitaly: (pid 6507) 59s', { state: 'run', pid: 6507, name: 'gitaly' }],
    ['timeout: run: gitaly: (pid 6507) 31s, want down, got TERM', { state: 'finish' }],
    ['down: gitaly: 1s, normally up, want up; run: log: (pid 971) 7s', { state: 'down', pid: 0 }],
    ['run: gitaly: (pid 99999999999999999999) 1s', { state: 'unknown', pid: 0 }],
    ['/opt/gitlab/embedded/lib/ruby: warning: already initialized constant', { state: 'unknown' }],
    ['', { state: 'unsupervised', normallyDown: true, text: /not enabled/ }]
  ]
  for (const [text, expected] of cases) t.match(gitlabCtlService(text, 'gitaly'), expected, text)
  t.end()
})

void t.test('no text throws, and none is running without a process', (t) => {
  const words = fc.constantFrom('run: ', 'down: ', 'timeout: ', 'gitaly: ', '(pid 7)', '(pid 0)', ' 5s', '; run: log: (pid 1) 1s', ', want down', '\n', 'ActiveState=active', 'MainPID=7', 'MainPID=-1', 'MainPID=1e9', 'LoadState=', '=', 'NRestarts=NaN', '\0')
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.array(words, { maxLength: 12 }).map((parts) => parts.join(''))), fc.double({ noNaN: true }), (text, atMs) => {
    for (const { state, pid, uptimeS, text: said } of [gitlabCtlService(text, 'gitaly'), ...parseGitlabCtl(text), parseSystemctlShow(text, 'gitaly', atMs)]) {
      if (state === 'run' && pid <= 0) throw new Error('run without a process')
      if (!Number.isSafeInteger(pid) || pid < 0 || Number.isNaN(uptimeS) || uptimeS < 0 || said.length > 500) throw new Error(`${pid} ${uptimeS}`)
    }
  }), { numRuns: 2000 })
  const begun = performance.now()
  parseGitlabCtl(`run: gitaly: ${'(pid '.repeat(100_000)}`)
  parseGitlabCtl('run: '.repeat(100_000))
  parseSystemctlShow('='.repeat(500_000), 'g', 1)
  t.ok(performance.now() - begun < 1000)
  t.end()
})
