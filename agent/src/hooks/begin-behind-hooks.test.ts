// Hooks before an order begins: real scripts on a fake host. A refusal is clean, and what was done is put back.
import { chmodSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type AcceptedOnHost, acceptedOrder } from '../fixtures/accepted-order.ts'
import { placeHook } from '../fixtures/hook-files.ts'
import type { UnitContext } from '../units/unit-context.ts'
import { beginBehindHooks } from './begin-behind-hooks.ts'

const id = 'upgrade-1-0123456789abcdef01234567'

async function accepted(t: Test, extra = '', notAfterMs = 60_000): Promise<AcceptedOnHost & { ran: () => string[] }> {
  const { host, context } = await acceptedOrder(t, { id, step: 'upgrade', reason: 'CVE-1' }, { notAfterMs, settings: (each) => each.settings({ tls: each.root, extra }).host })
  return { host, context, ran: () => host.read('hooks-ran').split('\n').filter((line) => line !== '') }
}

void t.test('in order, with what a hook wants to know, and each undo promised before its hook runs', async (t) => {
  const { host, context, ran } = await accepted(t)
  const promise = context.store.pathOf(id, `../../obligations/hook-${id}-before-upgrade-60-b.json`)
  placeHook(host.root, 'before-upgrade/60-b', `[ -e '${promise}' ] && echo "$PITSTOP_NODE $PITSTOP_FLEET $PITSTOP_ORDER $PITSTOP_STEP $PITSTOP_REASON $PITSTOP_BOOT_ID $HOME $LC_ALL $0"`)
  placeHook(host.root, 'before-upgrade/60-b.undo')
  placeHook(host.root, 'before-upgrade/50-a')
  t.type(await beginBehindHooks(context, 'before-upgrade'), 'number')
  t.same(ran(), ['before-upgrade/50-a', 'before-upgrade/60-b'])
  t.equal(readFileSync(context.store.pathOf(id, 'hook-before-upgrade-60-b.log'), 'utf8'),
    `n1.example test-fleet ${id} upgrade CVE-1 boot-1 /root C ${host.root}/etc/pitstop/hooks.d/before-upgrade/60-b\n`)
  t.match(context.promises.unpaid(), [{ kind: 'hook', payable: 'node-done', planHash: 'p', boundToBoot: '', pay: [[/60-b\.undo$/]], environment: { PITSTOP_ORDER: id } }])
  t.match(context.store.read(id), { decision: { kind: 'begun' } })
})

void t.test('a hook that fails is a clean refusal: nothing begun, what was done is undone at once, last first', async (t) => {
  const { host, context, ran } = await accepted(t)
  for (const name of ['50-a', '60-b']) placeHook(host.root, `before-upgrade/${name}.undo`)
  placeHook(host.root, 'before-upgrade/50-a')
  placeHook(host.root, 'before-upgrade/60-b', 'echo no lock to be had >&2; exit 3')
  placeHook(host.root, 'before-upgrade/70-c')
  t.equal(await beginBehindHooks(context, 'before-upgrade'), undefined)
  t.same(ran(), ['before-upgrade/50-a', 'before-upgrade/60-b', 'before-upgrade/60-b.undo', 'before-upgrade/50-a.undo'])
  const files = context.store.read(id)
  t.match(files?.outcome, { status: 'vetoed', begunAtMs: 0, reasons: [{ code: 'HOOK_FAILED', text: 'hook before-upgrade/60-b ended with exit code 3: no lock to be had', hint: /hook-before-upgrade-60-b\.log/ }] })
  t.equal(files?.decision, undefined)
  t.same(context.promises.unpaid(), [])
})

void t.test('an undo that fails stays promised, and is said', async (t) => {
  const { host, context } = await accepted(t)
  placeHook(host.root, 'before-upgrade/50-a', 'exit 1')
  placeHook(host.root, 'before-upgrade/50-a.undo', 'echo chef is away; exit 1')
  await beginBehindHooks(context, 'before-upgrade')
  t.match(context.store.read(id)?.outcome?.reasons, [{ code: 'HOOK_FAILED' }, { code: 'HOOK_FAILED', text: /not undone yet: .*50-a\.undo ended with 1: .*chef is away/s, hint: /pitstop-agent pay/ }])
  const [promise] = context.promises.unpaid()
  t.match(context.promises.failure(promise?.id ?? ''), { attempts: 1, text: /chef is away/ })
})

void t.test('a hook that hangs is ended at its deadline, and before the order\'s own time is over', async (t) => {
  const { host, context } = await accepted(t, 'hooks: {deadline: 300ms}')
  placeHook(host.root, 'before-upgrade/50-a', 'while :; do /bin/sleep 0.05; done')
  t.equal(await beginBehindHooks(context, 'before-upgrade'), undefined)
  t.match(context.store.read(id)?.outcome, { status: 'vetoed', reasons: [{ code: 'HOOK_FAILED', text: /did not end within 300ms/ }] })
  const late = await accepted(t, '', 1500)
  placeHook(late.host.root, 'before-upgrade/50-a', 'while :; do /bin/sleep 0.05; done')
  const begun = performance.now()
  t.equal(await beginBehindHooks(late.context, 'before-upgrade'), undefined)
  t.ok(performance.now() - begun < 10_000)
  t.match(late.context.store.read(id)?.outcome, { status: 'vetoed', reasons: [{ code: 'HOOK_FAILED' }] })
})

void t.test('an order that may not begin anyway runs no hook; one refused behind its hooks has them undone', async (t) => {
  const { host, context, ran } = await accepted(t)
  placeHook(host.root, 'before-upgrade/50-a', `echo 'changed meanwhile' > '${host.root}/audit'`)
  placeHook(host.root, 'before-upgrade/50-a.undo')
  t.equal(await beginBehindHooks(context, 'before-upgrade'), undefined)
  t.match(context.store.read(id)?.outcome, { status: 'vetoed', reasons: [{ code: 'DPKG_BROKEN' }] }, 'all is asked again behind the hooks')
  t.same(ran(), ['before-upgrade/50-a', 'before-upgrade/50-a.undo'])
  const other = await accepted(t)
  placeHook(other.host.root, 'before-upgrade/50-a')
  other.host.write('etc/pitstop/disabled', 'no')
  t.equal(await beginBehindHooks(other.context, 'before-upgrade'), undefined)
  t.same(other.ran(), [])
})

void t.test('a hook that others could change is not run, also when that came after the look at all of them', async (t) => {
  const { host, context, ran } = await accepted(t)
  placeHook(host.root, 'before-upgrade/50-a')
  const second = placeHook(host.root, 'before-upgrade/60-b', '', 0o777)
  t.equal(await beginBehindHooks(context, 'before-upgrade'), undefined)
  t.match(context.store.read(id)?.outcome, { status: 'vetoed', reasons: [{ code: 'HOOK_REFUSED', text: /60-b is writable by its group and everybody/, hint: /chmod go-w .*60-b/ }] })
  t.same(ran(), [])
  const other = await accepted(t)
  placeHook(other.host.root, 'before-upgrade/50-a', `/bin/chmod 777 '${other.host.root}/etc/pitstop/hooks.d/before-upgrade/60-b'`)
  placeHook(other.host.root, 'before-upgrade/60-b')
  t.equal(await beginBehindHooks(other.context, 'before-upgrade'), undefined)
  t.match(other.context.store.read(id)?.outcome, { status: 'vetoed', reasons: [{ code: 'HOOK_REFUSED' }] })
  t.same(other.ran(), ['before-upgrade/50-a'])
  chmodSync(second, 0o755)
})

void t.test('taken back while its hooks ran: it does not begin, and they are undone', async (t) => {
  const { host, context, ran } = await accepted(t)
  placeHook(host.root, 'before-upgrade/50-a', `while [ ! -e '${host.root}/go-on' ]; do /bin/sleep 0.02; done`)
  placeHook(host.root, 'before-upgrade/50-a.undo')
  const begun = beginBehindHooks(context, 'before-upgrade')
  while (ran().length === 0) await new Promise((resolve) => { setTimeout(resolve, 10) })
  context.store.decide(id, { kind: 'cancelled', atMs: 1, by: 'ada', reasons: [] })
  host.write('go-on', '')
  t.equal(await begun, undefined)
  t.same(ran(), ['before-upgrade/50-a', 'before-upgrade/50-a.undo'])
  t.equal(context.store.read(id)?.outcome, undefined, 'the cancellation is the last word')
})

void t.test('a veto that passes between two looks: refused all the same, never begun without its hooks', async (t) => {
  const { host, context, ran } = await accepted(t)
  placeHook(host.root, 'before-upgrade/50-a')
  let looks = 0
  const passing: UnitContext = { ...context, files: { ...context.files, disabled: () => ++looks === 1 ? 'maintenance' : undefined } }
  t.equal(await beginBehindHooks(passing, 'before-upgrade'), undefined)
  t.equal(looks, 1)
  t.match(context.store.read(id), { outcome: { status: 'vetoed', begunAtMs: 0, reasons: [{ text: /maintenance/ }] }, decision: undefined })
  t.same(ran(), [])
})

void t.test('a hook that was mended between two looks: refused all the same', async (t) => {
  const { host, context, ran } = await accepted(t)
  const path = placeHook(host.root, 'before-upgrade/50-a', '', 0o777)
  const mended: UnitContext = { ...context, files: { ...context.files, bootId: () => { chmodSync(path, 0o755); return context.files.bootId() }, hookProblems: () => [] } }
  t.equal(await beginBehindHooks(mended, 'before-upgrade'), undefined)
  t.match(context.store.read(id), { outcome: { status: 'vetoed', reasons: [{ code: 'HOOK_REFUSED' }] }, decision: undefined })
  t.same(ran(), [])
})
