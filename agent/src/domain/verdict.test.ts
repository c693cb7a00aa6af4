// Is Gitaly well? Status text, log lines and the verdict made of them. What is not known is never healthy.
import * as fc from 'fast-check'
import t from 'tap'
import { type HealthFacts, judge } from './health-verdict.ts'
import { nothingSeen, watchHealth } from './health-watch.ts'
import { classifyLine, type LogLineClass } from './log-line.ts'
import { nothingExcused } from './log-finding.ts'
import { emptyTestimony, testify, testifyGap } from './log-verdict.ts'
import { gitlabCtlService, parseGitlabCtl, parseSystemctlShow } from './service-status.ts'

void t.test('the supervisor\'s text is parsed, its exit code is not asked', (t) => {
  const cases: readonly (readonly [string, object])[] = [
    ['run: gitaly: (pid 6507) 59s; run: log: (pid 6506) 59s', { state: 'run', pid: 6507, uptimeS: 59, normallyDown: false }],
    ['run: gitaly: (pid 6507) 59s, normally down; run: log: (pid 6506) 59s', { state: 'run', pid: 6507, normallyDown: true }],
    ['run: gitaly: (pid 6507) 31s, want down, got TERM; run: log: (pid 1) 1s', { state: 'finish', pid: 6507 }],
    ['timeout: run: gitaly: (pid 6507) 31s, want down, got TERM', { state: 'finish', pid: 6507 }],
    ['run: gitaly: (pid 6507) 9s, paused', { state: 'finish' }],
    ['down: gitaly: 3s, normally up; run: log: (pid 971) 7s', { state: 'down', pid: 0, uptimeS: 3 }],
    ['down: gitaly: 1s, normally up, want up; run: log: (pid 971) 7s', { state: 'down' }],
    ['down: gitaly: 10s, normally down', { state: 'down', normallyDown: true }],
    ['finish: gitaly: (pid 12) 0s', { state: 'finish' }],
    ['fail: gitaly: runsv not running', { state: 'unsupervised', pid: 0 }],
    ['warning: gitaly: unable to open supervise/ok: file does not exist', { state: 'unsupervised' }],
    ['fail: gitaly: unable to change to service directory: file does not exist', { state: 'unsupervised' }],
    ['run: gitaly: something new', { state: 'unknown' }],
    ['', { state: 'unsupervised', normallyDown: true, text: /not enabled/ }],
    ['run: gitaly-backup: (pid 5) 9s', { state: 'unknown' }]
  ]
  for (const [line, expected] of cases) t.match(gitlabCtlService(line, 'gitaly'), expected, line)
  t.same(parseGitlabCtl('-------\nGitaly:\nrun: gitaly: (pid 1) 2s; run: log: (pid 3) 4s\nrun: logrotate: (pid 5) 6s\n').map(({ name }) => name), ['gitaly', 'logrotate'])
  t.match(parseSystemctlShow('ActiveState=active\nSubState=running\nMainPID=42\nActiveEnterTimestampMonotonic=5000000\nUnitFileState=enabled\n', 'gitaly', 65_000), { state: 'run', pid: 42, uptimeS: 60, normallyDown: false })
  t.match(parseSystemctlShow('ActiveState=failed\nSubState=failed\nMainPID=0\nUnitFileState=disabled\n', 'gitaly', 1), { state: 'down', normallyDown: true })
  t.match(parseSystemctlShow('', 'gitaly', 1), { state: 'unknown' })
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => { parseGitlabCtl(`run: gitaly: ${text}`); parseSystemctlShow(text, 'g', 1) }))
  t.end()
})

void t.test('each line of Gitaly\'s log has a class', (t) => {
  const json = (fields: object): string => JSON.stringify({ time: '2026-11-22T10:00:00.000Z', ...fields })
  const cases: readonly (readonly [string, LogLineClass])[] = [
    [json({ level: 'info', msg: 'Starting Gitaly', version: '18.5' }), 'start-marker'],
    [json({ level: 'info', msg: 'listening at address', address: '0:9999' }), 'start-marker'],
    [json({ level: 'info', msg: 'Started Gitaly', duration_ms: 12 }), 'start-marker'],
    [json({ level: 'info', msg: 'finished initializing cgroups' }), 'info'],
    [json({ level: 'error', msg: 'Unable to write gitaly metadata file', error: 'read-only' }), 'startup-error'],
    [json({ level: 'error', msg: 'finished unary call with code Internal', 'grpc.method': 'FindCommit' }), 'request-error'],
    [json({ level: 'error', msg: 'find process', wrapper: 12, error: 'no pid file' }), 'harmless'],
    [json({ level: 'error', msg: 'find process' }), 'startup-error'],
    [json({ level: 'error', msg: 'wrapper for process shutting down', wrapper: 12 }), 'harmless'],
    [json({ level: 'info', msg: 'Gitaly shutdown' }), 'stop'],
    ['unclean Gitaly shutdown: received signal "terminated"', 'stop'],
    ['unclean Gitaly shutdown: received signal "terminated": wait: grace period expired', 'stop'],
    ['unclean Gitaly shutdown: create external gRPC server: no', 'startup-error'],
    ['load config: config_path "/var/opt/gitlab/gitaly/config.toml": open: no such file', 'startup-error'],
    ['Refusing to start because /data is not a mountpoint.', 'startup-error'],
    ['panic: runtime error: index out of range', 'startup-error'],
    ['2026-11-22_10:00:00.12345 time="2026-11-22T10:00:00Z" level=error msg="boom: \\"quoted\\"" error=x', 'startup-error'],
    ['2026-11-22_10:00:00.12345 time="2026-11-22T10:00:00Z" level=info msg="Starting Gitaly" version=16.7', 'start-marker'],
    ['{"level":"error"', 'unknown'],
    [json({ level: { a: 1 }, msg: ['x'] }), 'unknown'],
    ['hello', 'unknown']
  ]
  for (const [line, expected] of cases) t.equal(classifyLine(line).class, expected, line)
  t.equal(classifyLine(json({ level: 'info', msg: 'x' })).timeMs, Date.parse('2026-11-22T10:00:00Z'))
  t.equal(classifyLine('2026-11-22_10:00:00.5 plain').timeMs, Date.parse('2026-11-22T10:00:00.5Z'))
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => { classifyLine(text); classifyLine(`{${text}}`); classifyLine(`level=error msg=${text}`) }))
  t.end()
})

const at = (seconds: number): string => new Date(Date.UTC(2026, 10, 22, 10, 0, seconds)).toISOString()
const entry = (seconds: number, level: string, msg: string): string => JSON.stringify({ time: at(seconds), level, msg })

void t.test('behind the mark every start-up error counts; without one only the last start of this boot', (t) => {
  const crashed = [entry(0, 'info', 'Starting Gitaly'), 'unclean Gitaly shutdown: init bootstrap: x', entry(5, 'info', 'Starting Gitaly'), entry(6, 'info', 'Started Gitaly')]
  t.equal(crashed.reduce((so, line) => testify(so, line), emptyTestimony).errors.length, 1)
  t.equal(crashed.reduce((so, line) => testify(so, line, { sinceMs: 0 }), emptyTestimony).errors.length, 0)
  const earlier = ['load config: x', entry(0, 'info', 'work'), entry(100, 'warn', 'new boot')]
  t.equal(earlier.reduce((so, line) => testify(so, line, { sinceMs: Date.parse(at(50)) }), emptyTestimony).errors.length, 0, 'an error of an earlier boot is none of this one')
  const later = [entry(0, 'info', 'Started Gitaly'), entry(3000, 'error', 'housekeeping failed')]
  t.match(later.reduce((so, line) => testify(so, line), emptyTestimony), { errors: [], laterErrors: 1 }, 'an hour later it is work, not the start')
  t.end()
})

void t.test('the soak is counted from when Gitaly listened, not from when it began to start', async (t) => {
  const said = (seconds: number, msg: string): string => JSON.stringify({ level: 'info', msg, time: at(seconds) })
  const read = (...lines: readonly string[]): number => lines.reduce((so, line) => testify(so, line), emptyTestimony).listenedMs
  t.equal(read(said(1, 'Starting Gitaly')), 0, 'what comes behind it may not be in the log yet')
  t.equal(read(said(1, 'Starting Gitaly'), said(3, 'listening at address')), Date.parse(at(3)))
  t.equal(read(said(1, 'Starting Gitaly'), said(3, 'listening at address'), said(4, 'Started Gitaly')), Date.parse(at(4)))
  t.equal(read(said(1, 'Starting Gitaly'), said(4, 'Started Gitaly'), said(9, 'Starting Gitaly')), 0, 'and not of the start before')
})

const known = <T>(value: T): { value: T } => ({ value })
const running = { name: 'gitaly', state: 'run', pid: 7, uptimeS: 3, normallyDown: false, text: 'run: gitaly: (pid 7) 3s' } as const
const well: HealthFacts = {
  atMs: 0, bootId: 'b2', uptimeMs: 20_000, startDeadlineMs: 300_000, wasHealthy: false, startsMs: [], compared: nothingExcused, kernel: known('6.1'), service: known(running), grpc: known('SERVING'),
  storages: known([{ name: 's', readable: true, writeable: true, filesystemId: 'fs' }, { name: 'other', readable: false, writeable: false, filesystemId: 'x' }]),
  wanted: ['s'], log: known(emptyTestimony),
  expectation: { orderId: 'o', bootsSince: 1, failed: false, expectedKernel: '6.1', filesystemIds: { s: 'fs' } }
}
const expectation = (part: object): HealthFacts => ({ ...well, expectation: { ...well.expectation, ...part } as never })

void t.test('the verdict: proof for healthy, a code for each reason', (t) => {
  t.match(judge(well), { status: 'healthy', reasons: [] }, 'only storages of the inventory are judged')
  const late = { uptimeMs: 400_000 }
  const cases: readonly (readonly [string, HealthFacts, string, string])[] = [
    ['not yet down', expectation({ bootsSince: 0 }), 'unknown', 'HEALTH_UNKNOWN'],
    ['did not reboot', expectation({ bootsSince: 0, failed: true }), 'unhealthy', 'NOT_REBOOTED'],
    ['a second boot', expectation({ bootsSince: 2 }), 'unhealthy', 'REBOOTED_AGAIN'],
    ['another kernel', { ...well, kernel: known('6.0') }, 'unhealthy', 'WRONG_KERNEL'],
    ['kernel unreadable', { ...well, kernel: { unknown: 'x' } }, 'unknown', 'HEALTH_UNKNOWN'],
    ['runsv not yet there', { ...well, service: known({ ...running, state: 'unsupervised' }) }, 'unknown', 'HEALTH_UNKNOWN'],
    ['runsv never there', { ...well, ...late, service: known({ ...running, state: 'unsupervised' }) }, 'unhealthy', 'SERVICE_UNHEALTHY'],
    ['down after it was well', { ...well, wasHealthy: true, service: known({ ...running, state: 'down' }) }, 'unhealthy', 'SERVICE_UNHEALTHY'],
    ['text not understood', { ...well, ...late, service: known({ ...running, state: 'unknown' }) }, 'unknown', 'HEALTH_UNKNOWN'],
    ['not serving yet', { ...well, grpc: { unknown: 'refused' } }, 'unknown', 'HEALTH_UNKNOWN'],
    ['never serving', { ...well, ...late, grpc: known('NOT_SERVING') }, 'unhealthy', 'NOT_SERVING'],
    ['a health state of the future', { ...well, ...late, grpc: known('GLOWING') }, 'unknown', 'HEALTH_UNKNOWN'],
    ['storage not writeable', { ...well, storages: known([{ name: 's', readable: true, writeable: false, filesystemId: 'fs' }]) }, 'unhealthy', 'STORAGE_UNHEALTHY'],
    ['storage gone', { ...well, storages: known([]) }, 'unhealthy', 'STORAGE_UNHEALTHY'],
    ['data disk not mounted', { ...well, storages: known([{ name: 's', readable: true, writeable: true, filesystemId: 'new' }]) }, 'unhealthy', 'STORAGE_CHANGED'],
    ['nothing to compare with', expectation({ filesystemIds: {} }), 'unknown', 'HEALTH_UNKNOWN'],
    ['start-up error', { ...well, log: known(testify(emptyTestimony, 'panic: x')) }, 'unhealthy', 'STARTUP_ERROR'],
    ['lines lost', { ...well, log: known(testifyGap(emptyTestimony, 'gone')) }, 'unknown', 'HEALTH_UNKNOWN'],
    ['no log', { ...well, log: { unknown: 'ENOENT' } }, 'unknown', 'HEALTH_UNKNOWN']
  ]
  for (const [name, facts, status, code] of cases) t.match(judge(facts), { status, reasons: [{ code }] }, name)
  t.match(judge({ ...well, log: known(testify(emptyTestimony, JSON.stringify({ level: 'warn', msg: 'x' }))) }).evidence.at(-1), { status: 'healthy', text: /level warn/ }, 'with level warn there are no markers')
  t.end()
})

void t.test('no single unknown fact leaves a verdict healthy', (t) => {
  for (const key of ['kernel', 'service', 'grpc', 'storages', 'log'] as const) {
    for (const base of [well, { ...well, wasHealthy: true }, { ...well, uptimeMs: 1e9 }]) t.not(judge({ ...base, [key]: { unknown: 'x' } }).status, 'healthy', key)
  }
  t.end()
})

void t.test('healthy-for counts unbroken health: another pid, a shrunk uptime or any doubt begins anew', (t) => {
  const seen = { atMs: 100, status: 'healthy', serving: true, pid: 7, uptimeS: 5, startedMs: 0 } as const
  const first = watchHealth(nothingSeen, seen)
  t.equal(watchHealth(first, { ...seen, atMs: 200, uptimeS: 6 }).healthySinceMs, 100)
  t.equal(watchHealth(first, { ...seen, atMs: 200, pid: 8, uptimeS: 6 }).healthySinceMs, 200)
  t.equal(watchHealth(first, { ...seen, atMs: 200, uptimeS: 1 }).healthySinceMs, 200)
  const doubt = watchHealth(first, { ...seen, atMs: 200, status: 'unknown', serving: false, pid: 0 })
  t.match(doubt, { healthySinceMs: 0, wasHealthy: true, servingSinceMs: 100 })
  t.equal(watchHealth(doubt, { ...seen, atMs: 300 }).healthySinceMs, 300)
  t.end()
})

void t.test('the first healthy look proves health since Gitaly\'s own start marker, if that process runs still and nothing was seen to the contrary', (t) => {
  const seen = { atMs: 10_500, status: 'healthy', serving: true, pid: 7, uptimeS: 4, startedMs: 7000 } as const
  t.match(watchHealth(nothingSeen, seen), { healthySinceMs: 7000, servingSinceMs: 7000 })
  t.equal(watchHealth(nothingSeen, { ...seen, uptimeS: 2 }).healthySinceMs, 10_500, 'the process is younger than the marker')
  t.equal(watchHealth(nothingSeen, { ...seen, startedMs: 0 }).healthySinceMs, 10_500, 'no marker')
  const bad = watchHealth(nothingSeen, { ...seen, atMs: 9000, status: 'unknown', serving: false })
  t.equal(watchHealth(bad, seen).healthySinceMs, 9000, 'not before the last look that found it otherwise')
  const well = watchHealth(nothingSeen, seen)
  const relapsed = watchHealth(well, { ...seen, atMs: 11_000, status: 'unhealthy', serving: false })
  t.equal(watchHealth(relapsed, { ...seen, atMs: 12_000, uptimeS: 5 }).healthySinceMs, 12_000, 'after a relapse only looks count')
  t.end()
})
