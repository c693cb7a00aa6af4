// Which files are hooks, whom root believes, and what a result means.
import t from 'tap'
import { failed, readyAnswer, withHooks } from './hook-evidence.ts'
import { type HookEntry, selectHooks } from './hook.ts'
import { hookFailure } from './hook-result.ts'
import { distrust, type PathFact } from './hook-trust.ts'
import type { Judgement } from './health-verdict.ts'
import type { ReadyMark } from './order-record.ts'

const file = (name: string, part: Partial<HookEntry> = {}): HookEntry => ({ name, kind: 'file', executable: true, ...part })

void t.test('hooks are what run-parts would run, in the order of LC_ALL=C', (t) => {
  // Listed by Debian's run-parts 5.7 in this order; it leaves out "c.sh", "d~" and what is not executable.
  const { hooks, ignored, problems } = selectHooks('before-upgrade', '/h', ['a', 'B', '_z', '10-a', '2_b', 'c.sh', 'd~', 'readme'].map((name) => file(name, { executable: name !== 'readme' })))
  t.same(hooks.map(({ name }) => name), ['10-a', '2_b', 'B', '_z', 'a'])
  t.match(ignored, [/\/h\/c\.sh: the name/, /\/h\/d~: the name/, /\/h\/readme: not executable/])
  t.same(problems, [])
  t.end()
})

void t.test('an undo belongs to its hook and is no hook itself', (t) => {
  const { hooks, ignored } = selectHooks('before-reboot', '/h', [file('50-x'), file('50-x.undo'), file('60-y.undo')])
  t.same(hooks, [{ stage: 'before-reboot', name: '50-x', path: '/h/50-x', undo: '/h/50-x.undo' }])
  t.match(ignored, [/60-y\.undo: there is no hook 60-y/])
  t.end()
})

void t.test('what was meant as a hook and cannot be one is said, never left out', (t) => {
  const { problems } = selectHooks('before-reboot', '/h', [file('gone', { kind: 'broken-link' }), file('a'.repeat(51)), file('x'), file('x.undo', { executable: false })])
  t.match(problems, [
    { code: 'HOOK_REFUSED', text: /more than 50/ },
    { code: 'HOOK_REFUSED', text: /\/h\/gone is a link that leads nowhere/, hint: /rm \/h\/gone/ },
    { code: 'HOOK_REFUSED', text: /x\.undo is no executable/, hint: 'on the host: chmod 755 /h/x.undo, or remove it' }
  ])
  t.end()
})

void t.test('only what nobody but root could have changed is trusted; the refusal says what to type', (t) => {
  const way = (part: Partial<PathFact>, at = 2): readonly PathFact[] => [
    { path: '/', kind: 'directory', uid: 0, mode: 0o40755 }, { path: '/etc', kind: 'directory', uid: 0, mode: 0o40755 }, { path: '/etc/x', kind: 'file', uid: 0, mode: 0o100755 }
  ].map((fact, index) => ({ ...fact, ...index === at ? part : {} }) as PathFact)
  const found = (part: Partial<PathFact>, at?: number, owners = [0]): unknown => distrust(way(part, at), owners).map(({ text, hint }) => [text.replace(/:.*/, ''), hint])
  t.same(found({}), [])
  t.same(found({ uid: 7 }), [['/etc/x is owned by uid 7', 'on the host: chown root:root /etc/x']])
  t.same(found({ mode: 0o100775 }), [['/etc/x is writable by its group', 'on the host: chmod go-w /etc/x']])
  t.same(found({ mode: 0o41777 }, 1), [['/etc is writable by its group and everybody', 'on the host: chmod go-w /etc']], 'a sticky bit is no protection against new files')
  t.same(found({ uid: 7, mode: 0o100757 }), [['/etc/x is owned by uid 7 and writable by everybody', 'on the host: chown root:root /etc/x && chmod go-w /etc/x']])
  t.same(found({ kind: 'link', mode: 0o120777 }), [], 'who may replace a link is said by its directory')
  t.same(found({ kind: 'link', uid: 7 }), [['/etc/x is owned by uid 7', 'on the host: chown -h root:root /etc/x']])
  t.same(found({ uid: 1000 }, 2, [0, 1000]), [], 'whom the agent runs as, it believes')
  t.match(distrust(way({ path: '/etc/it\'s', uid: 7 }), [0]), [{ hint: 'on the host: chown root:root \'/etc/it\'\\\'\'s\'' }])
  t.end()
})

void t.test('non-zero, a signal and the deadline are failures, told with the last lines', (t) => {
  const ended = { code: 0, signal: null, stdout: '', stderr: '', timedOut: false }
  const text = (part: object): string | undefined => hookFailure('before-upgrade/x', { ...ended, ...part }, 60_000, '/log')?.text
  t.equal(text({ stdout: 'well' }), undefined)
  t.equal(text({ code: 3, stdout: '1\n2\n3\n4\n', stderr: '5\n6' }), 'hook before-upgrade/x ended with exit code 3: 2\n3\n4\n5\n6')
  t.equal(text({ code: null, signal: 'SIGKILL' }), 'hook before-upgrade/x was ended by SIGKILL and said nothing')
  t.equal(text({ code: 0, timedOut: true, stdout: 'waiting' }), 'hook before-upgrade/x did not end within 1m: waiting', 'a hook that heeds TERM is late all the same')
  t.end()
})

void t.test('after the boot: the others first, then the hooks, and once', (t) => {
  const well: Judgement = { status: 'healthy', evidence: [], reasons: [] }
  const ill: Judgement = { ...well, status: 'unhealthy' }
  const mark: ReadyMark = { bootId: 'b', atMs: 1, hooks: 'running', ran: ['after-ready/x'], reasons: [] }
  t.equal(readyAnswer(well, undefined, true), 'begin')
  for (const [others, known, answer] of [[ill, undefined, true], [{ ...well, status: 'unknown' }, undefined, true], [well, mark, true], [well, undefined, false]] as const) t.equal(readyAnswer(others, known, answer), 'nothing')
  t.same(withHooks(well, undefined, false), well)
  t.match(withHooks(well, mark, true), { status: 'unknown', evidence: [{ check: 'hooks', status: 'unknown' }], reasons: [{ code: 'HEALTH_UNKNOWN' }] })
  t.equal(withHooks(ill, mark, true).status, 'unhealthy')
  t.match(withHooks(well, mark, false), { status: 'unhealthy', reasons: [{ code: 'HOOK_FAILED', text: /was ended before they were/, hint: /pitstop-agent after-ready/ }] })
  t.match(withHooks(well, { ...mark, hooks: 'passed' }, false), { status: 'healthy', evidence: [{ check: 'hooks', status: 'healthy', text: 'done: after-ready/x' }] })
  t.same(withHooks(well, { ...mark, hooks: 'passed', ran: [] }, false), well)
  t.match(withHooks(well, { ...mark, hooks: 'failed', reasons: [{ code: 'HOOK_FAILED', text: 'no', hint: '' }] }, false), { status: 'unhealthy', reasons: [{ text: 'no' }] })
  t.match(failed(ill, []), { status: 'unhealthy' })
  t.end()
})
