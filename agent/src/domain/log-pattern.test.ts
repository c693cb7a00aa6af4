// Which error lines are the same error, what becomes known and what never does, and how it is told. Lines as Gitaly, its
// wrapper and svlogd write them.
import * as fc from 'fast-check'
import t from 'tap'
import { findInLog, nothingExcused } from './log-finding.ts'
import { acquit, condemn, condemnedIn, knownPatterns, type LogHistory, mayExcuse, noHistory, remember } from './log-history.ts'
import { classifyLine } from './log-line.ts'
import { errorPattern } from './log-pattern.ts'
import { emptyTestimony, testify, testifyGap } from './log-verdict.ts'

const json = (msg: string, fields: object = {}): string => JSON.stringify({ level: 'error', msg, pid: 1234, time: '2026-11-22T10:00:00.000Z', ...fields })

void t.test('the same error at another start has the same pattern; another error has another one', (t) => {
  const same: readonly (readonly [string, string])[] = [
    [json('boom', { pid: 1, time: '2026-01-01T00:00:00Z', duration_ms: 5 }), json('boom', { pid: 2, time: '2026-02-02T00:00:00Z', duration_ms: 500 })],
    [json('prune runtime directory', { error: 'remove /var/opt/gitlab/gitaly/run/gitaly-1187: busy' }), json('prune runtime directory', { error: 'remove /var/opt/gitlab/gitaly/run/gitaly-20451: busy' })],
    [json('x', { error: 'open /tmp/gitaly-aB3xQ9/cfg: no such file' }), json('x', { error: 'open /tmp/gitaly-Zz8kP2/cfg: no such file' })],
    [json('x', { error: 'object 6b86b273ff34fce19d6b804eff5a3f5747ada4ea missing in @hashed/6b/86' }), json('x', { error: 'object d4735e3a265e16eee03f59718b9b5d03019c07d8 missing in @hashed/d4/73' })],
    [json('x', { correlation_id: '01ARZ3', error: 'id 9f8b6c1e-3e9f-4a7c-8d5a-0c6f1b2a3d4e after 1.5s at 0x7ffe12' }), json('x', { correlation_id: '01BXY7', error: 'id 00000000-3e9f-4a7c-8d5a-0c6f1b2a3d4e after 250ms at 0xc000123' })],
    ['2026-11-22_10:00:00.12345 time="2026-11-22T10:00:00Z" level=error msg="cgroup 17" error=x', '2026-12-24_11:11:11.99999 time="2026-12-24T11:11:11Z" level=error msg="cgroup 18" error=x'],
    ['2026-11-22T10:00:00.12345 panic: at 0x1', 'panic: at 0x22']
  ]
  for (const [a, b] of same) t.equal(errorPattern(a), errorPattern(b), errorPattern(a))
  const different: readonly (readonly [string, string])[] = [
    [json('a'), json('b')],
    [json('x', { error: 'no such file' }), json('x', { error: 'read-only file system' })],
    [json('x', { storage: 'nfs-file1001' }), json('x', { storage: 'nfs-file1002' })],
    [json('x', { error: 'open /srv/data1/repo' }), json('x', { error: 'open /srv/data2/repo' })],
    [json('x', { error: 'gitaly-01-stor is away' }), json('x', { error: 'gitaly-02-stor is away' })],
    [json('x'), json('x', { error: 'more' })]
  ]
  for (const [a, b] of different) t.not(errorPattern(a), errorPattern(b), errorPattern(a))
  t.end()
})

void t.test('lines behind a power cut, and of every form of svlogd, are read for what they are', (t) => {
  t.equal(classifyLine(`${'\0'.repeat(4096)}${json('boom')}`).class, 'startup-error', 'behind zeros')
  for (const prefix of ['', '2024-01-16_09:53:41.64512 ', '2024-01-16T09:53:41.64512 ', '@400000006b03b4283532b0c4 ']) {
    t.match(classifyLine(`${prefix}time="2026-11-22T10:00:00Z" level=error msg=boom`), { class: 'startup-error', final: false }, prefix)
    t.match(classifyLine(`${prefix}unclean Gitaly shutdown: init bootstrap: x`), { class: 'startup-error', final: true }, prefix)
    t.match(classifyLine(`${prefix}unclean Gitaly shutdown: received signal "terminated"`), { class: 'stop' }, prefix)
  }
  t.match(classifyLine(JSON.stringify({ level: 'fatal', msg: 'x' })), { class: 'startup-error', final: true })
  t.match(classifyLine(json('Unable to write gitaly metadata file')), { final: true })
  t.match(classifyLine(JSON.stringify({ level: 'info', msg: 'Starting Gitaly', version: '18' })), { begins: true })
  t.match(classifyLine(JSON.stringify({ level: 'info', msg: 'finished call', query: 'Starting Gitaly' })), { begins: false })
  t.end()
})

void t.test('errors are counted by pattern, and too many different ones are never healthy', (t) => {
  const many = Array.from({ length: 300 }, (_, index) => json('cgroup not there', { pid: index }))
  const testimony = many.reduce((so, line) => testify(so, line), emptyTestimony)
  t.match(testimony.errors, [{ pattern: 'msg=cgroup not there', count: 300, final: false }])
  const excused = { ...nothingExcused, excused: new Map([['msg=cgroup not there', Date.UTC(2026, 9, 1)]]) }
  t.match(findInLog(testimony, excused), { status: 'healthy', text: /300 error lines, 1 different known since 2026-10-01, first: .*cgroup not there/ })
  t.match(findInLog(testify(testimony, json('new')), excused), { status: 'unhealthy', text: /1 error line\): .*new/ })
  t.match(findInLog(testify(testimony, json('new')), { ...excused, pending: true }), { status: 'unknown', text: /being held against/ })
  t.match(findInLog(testify(testimony, 'panic: x'), { ...excused, pending: true }), { status: 'unhealthy' }, 'a fatal line waits for no comparison')
  const fatal = testify(testimony, JSON.stringify({ level: 'fatal', msg: 'cgroup not there' }))
  t.match(findInLog(fatal, excused), { status: 'unhealthy' }, 'the same words on a fatal line are not the same')
  t.match(findInLog(testifyGap(testimony, 'rotated away'), excused), { status: 'unknown' }, 'a gap is no proof')
  const crowd = Array.from({ length: 60 }, (_, index) => json(`error ${String.fromCharCode(65 + index % 26).repeat(index + 1)}`)).reduce((so, line) => testify(so, line), emptyTestimony)
  t.match(findInLog(crowd, { ...nothingExcused, excused: new Map(crowd.errors.map(({ pattern }) => [pattern, 1])) }), { status: 'unhealthy', text: /10 more lines of still other errors/ })
  t.end()
})

void t.test('with level warn nothing marks the start; what comes long after the boot is no start-up error', (t) => {
  const late = { untilMs: Date.parse('2026-11-22T09:00:00Z') }
  t.match(testify(emptyTestimony, json('housekeeping failed'), late), { errors: [], laterErrors: 1 })
  t.match(testify(emptyTestimony, json('housekeeping failed'), { untilMs: Date.parse('2026-11-22T11:00:00Z') }), { errors: { length: 1 } })
  t.match(testify(emptyTestimony, 'panic: x', late), { errors: { length: 1 } }, 'a line without a time is never called late')
  t.end()
})

void t.test('known is what a healthy boot was excused; it is forgotten when the newest healthy boots do not say it', (t) => {
  let history = remember(noHistory, 'b1', new Map([['a', 100], ['b', 100]]))
  t.same([...knownPatterns(history)], [['a', 100], ['b', 100]])
  for (const boot of ['b2', 'b3', 'b4', 'b5']) history = remember(history, boot, new Map([['a', 100]]))
  t.same([...knownPatterns(history).keys()].sort(), ['a', 'b'])
  history = remember(history, 'b6', new Map([['a', 100]]))
  t.same([...knownPatterns(history)], [['a', 100]])
  t.end()
})

void t.test('what is condemned in one boot is not excused by the log in another, and only its own boot takes it back', (t) => {
  const suspected = condemn(noHistory, 'b1', ['a'])
  t.ok(mayExcuse(suspected, 'b1', 'a'))
  t.notOk(mayExcuse(suspected, 'b2', 'a'))
  t.same(acquit(suspected, 'b2', ['a']).condemned, suspected.condemned)
  t.same(acquit(suspected, 'b1', ['a']).condemned, [])
  const crowd = condemn(noHistory, 'b1', Array.from({ length: 201 }, (_, index) => `p${index}`))
  t.equal(crowd.condemned.length, 200)
  t.notOk(mayExcuse(crowd, 'b1', 'anything'), 'more than is kept: nothing is excused by the log any more')
  t.end()
})

void t.test('too much condemned is forgotten too: by five healthy boots behind the last one that condemned too much', (t) => {
  const many = (from: number): string[] => Array.from({ length: 201 }, (_, index) => `p${from + index}`)
  let history = condemn(noHistory, 'b0', many(0))
  // The same boot, healthy after all because a person accepted what is kept: what was lost is not answered for.
  history = remember(history, 'b0', new Map())
  for (const boot of ['b1', 'b2', 'b3', 'b4', 'b4']) history = remember(history, boot, new Map())
  t.notOk(mayExcuse(history, 'b5', 'anything'), 'four are not five, and one boot counts once')
  const again = remember(condemn(history, 'b5', many(1000)), 'b6', new Map())
  t.notOk(mayExcuse(again, 'b7', 'anything'), 'it counts anew')
  history = remember(history, 'b5', new Map())
  t.ok(mayExcuse(history, 'b6', 'anything'))
  t.same(history.condemned, [])
  // A file that could not be read: which boot it was is not known.
  let unread: LogHistory = { ...noHistory, overflowed: true }
  for (const boot of ['b1', 'b2', 'b3', 'b4', 'b5']) {
    t.notOk(mayExcuse(unread, boot, 'anything'))
    unread = remember(unread, boot, new Map())
  }
  t.ok(mayExcuse(unread, 'b6', 'anything'))
  t.end()
})

void t.test('what is condemned expires with the healthy boots that do not say it, and counts anew when it is said again', (t) => {
  let history = condemn(noHistory, 'b0', ['a'])
  for (const boot of ['b1', 'b2', 'b3', 'b4', 'b4']) history = remember(history, boot, new Map())
  t.notOk(mayExcuse(history, 'b5', 'a'))
  const again = condemn(history, 'b5', ['a'])
  t.same(condemnedIn(again, 'b5'), ['a'])
  t.notOk(mayExcuse(remember(again, 'b6', new Map()), 'b7', 'a'))
  t.ok(mayExcuse(remember(history, 'b5', new Map()), 'b6', 'a'))
  t.end()
})

void t.test('no order of boots makes known what was never excused', (t) => {
  const patterns = ['a', 'b', 'c']
  fc.assert(fc.property(fc.array(fc.record({ said: fc.subarray(patterns), before: fc.subarray(patterns), finishes: fc.boolean() }), { maxLength: 12 }), (boots) => {
    let history: LogHistory = noHistory
    const everFailed = new Set<string>()
    let healthy = 0
    boots.forEach(({ said, before, finishes }, index) => {
      const bootId = `b${index}`
      const excused = new Map(knownPatterns(history))
      const open = said.filter((pattern) => !excused.has(pattern))
      history = condemn(history, bootId, open)
      // The agent died before it had compared: nothing was judged.
      if (!finishes) { for (const pattern of open) everFailed.add(pattern); return }
      // The start before the stop is the one of the boot before, as in real life.
      const same = open.filter((pattern) => [...before, ...boots[index - 1]?.said ?? []].includes(pattern) && mayExcuse(history, bootId, pattern))
      history = acquit(history, bootId, same)
      for (const pattern of same) excused.set(pattern, index)
      const failed = said.filter((pattern) => !excused.has(pattern))
      for (const pattern of same) if (everFailed.has(pattern)) throw new Error(`${pattern} failed a boot and was excused`)
      for (const pattern of failed) everFailed.add(pattern)
      if (failed.length === 0) history = remember(history, bootId, new Map(said.map((pattern) => [pattern, excused.get(pattern) ?? 0])))
      // Five healthy boots behind it: forgotten, as what is known is.
      healthy = failed.length === 0 ? healthy + 1 : 0
      if (healthy >= 5) for (const pattern of everFailed) if (!history.condemned.some((each) => each.pattern === pattern)) everFailed.delete(pattern)
      for (const pattern of knownPatterns(history).keys()) if (everFailed.has(pattern) && failed.includes(pattern)) throw new Error(`${pattern} is known`)
    })
  }))
  t.pass('every pattern that failed a boot stays unexcused by the log')
  t.end()
})

void t.test('no line throws, hangs or is taken for proof', { timeout: 30_000 }, (t) => {
  const pieces = fc.constantFrom('{"level":"error"', ',"msg":"x"', '}', '\0', '"', '\\', 'level=error ', 'msg=', '2026-11-22_10:00:00.1 ', 'panic: ', 'Starting Gitaly', '\u2028', '{', '[', '1e999', ',"time":', 'null', '🦊', '\ud800')
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join('')), fc.json().map(String)), (line) => {
    const { class: kind, timeMs } = classifyLine(line)
    if (!Number.isFinite(timeMs)) throw new Error(`time ${timeMs}`)
    if (errorPattern(line).length > 600) throw new Error('long')
    const testimony = testify(emptyTestimony, line)
    if (testimony.started && kind !== 'start-marker') throw new Error('started')
    if (kind === 'startup-error' && findInLog(testimony, nothingExcused).status !== 'unhealthy') throw new Error('an error is held against the node')
  }), { numRuns: 2000 })
  // Long ones of each kind: nothing may take more than its length.
  for (const text of ['a'.repeat(200_000), `level=error msg=x ${'a'.repeat(200_000)}`, `level=error msg=${'a.'.repeat(100_000)}`, `level=error msg="${'\\"'.repeat(100_000)}`, `{"level":"error","msg":"${'0x1'.repeat(60_000)}"}`, `{"level":"error","msg":"${'1s'.repeat(100_000)}"}`, '{'.repeat(200_000), `{"level":"error","msg":"${'aB1'.repeat(60_000)}"}`, 'level=error msg= '.repeat(10_000)]) {
    const begun = performance.now()
    testify(emptyTestimony, text)
    t.ok(performance.now() - begun < 1000, `${text.slice(0, 30)}… ${Math.round(performance.now() - begun)} ms`)
  }
  t.end()
})
