// A command of the host cannot hang the agent, fill its memory, see its environment or leave children behind.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { commandRunner, outputOf } from './run-command.ts'

const run = commandRunner(['/usr/bin', '/bin'])
const alive = (pid: number): boolean => { try { process.kill(pid, 0); return true } catch { return false } }
const folder = mkdtempSync('/tmp/pitstop-run-')
t.teardown(() => rmSync(folder, { recursive: true }))

const until = async (condition: () => boolean): Promise<void> => {
  for (const end = Date.now() + 5000; !condition();) {
    if (Date.now() > end) throw new Error('the condition did not come true')
    await new Promise((resolve) => { setTimeout(resolve, 5) })
  }
}

void t.test('exit code, both streams and signals come back; arguments are never read by a shell', async (t) => {
  t.match(await run({ argv: ['sh', '-c', 'echo out; echo err >&2; exit 3'], deadlineMs: 5000 }), { code: 3, stdout: 'out\n', stderr: 'err\n', timedOut: false })
  t.match(await run({ argv: ['sh', '-c', 'kill -9 $$'], deadlineMs: 5000 }), { code: null, signal: 'SIGKILL' })
  t.equal((await run({ argv: ['printf', '%s', '$(id); `id` > x'], deadlineMs: 5000 })).stdout, '$(id); `id` > x')
  await t.rejects(run({ argv: ['no-such-command'], deadlineMs: 5000 }), { code: 'COMMAND_FAILED', message: /no-such-command/ })
  await t.rejects(outputOf(run, { argv: ['sh', '-c', 'echo why >&2; exit 1'], deadlineMs: 5000 }), { code: 'COMMAND_FAILED', message: /ended with 1: why/ })
})

void t.test('the environment is fixed: nothing of ours is inherited', async (t) => {
  process.env['PITSTOP_SECRET_OF_TEST'] = 'x'
  t.teardown(() => { delete process.env['PITSTOP_SECRET_OF_TEST'] })
  const { stdout } = await run({ argv: ['env'], deadlineMs: 5000, env: { SVWAIT: '7' } })
  t.notMatch(stdout, /PITSTOP_SECRET/, 'tap itself adds to every child; the agent adds nothing')
  for (const line of ['LC_ALL=C', 'DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=l', 'SVWAIT=7', 'PATH=/usr/bin:/bin']) t.match(stdout, line)
})

void t.test('a deadline ends the whole process group: TERM, then KILL', async (t) => {
  const pids = join(folder, 'pids')
  writeFileSync(pids, '')
  const polite = await run({ argv: ['sh', '-c', `sleep 60 & echo $! >> ${pids}; echo $$ >> ${pids}; wait`], deadlineMs: 150, graceMs: 5000 })
  t.match(polite, { timedOut: true, signal: 'SIGTERM' })
  const stubborn = await run({ argv: ['sh', '-c', `trap '' TERM; sh -c "trap '' TERM; echo \\$\\$ >> ${pids}; while :; do sleep 1; done" & echo $$ >> ${pids}; while :; do sleep 1; done`], deadlineMs: 200, graceMs: 150 })
  t.match(stubborn, { timedOut: true, signal: 'SIGKILL' })
  const seen = readFileSync(pids, 'utf8').trim().split('\n').map(Number)
  t.equal(seen.length, 4)
  await until(() => !seen.some(alive))
  t.pass('nobody is left')
  await t.rejects(outputOf(run, { argv: ['sleep', '60'], deadlineMs: 50 }), { code: 'COMMAND_TIMEOUT' })
})

void t.test('output is capped to its last bytes, and that is said', async (t) => {
  const result = await run({ argv: ['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" a; printf END'], deadlineMs: 10_000, outputCap: 1000 })
  t.equal(result.stdout.length, 1000)
  t.match(result, { truncated: true, stdout: /aEND$/ })
  await t.rejects(outputOf(run, { argv: ['sh', '-c', 'head -c 5000 /dev/zero'], deadlineMs: 5000, outputCap: 1000 }), { code: 'COMMAND_FAILED' }, 'half an answer is none')
})

void t.test('a descendant that keeps the pipes open does not keep the answer', async (t) => {
  const pidFile = join(folder, 'daemon')
  const result = await run({ argv: ['sh', '-c', `setsid sleep 30 & echo $! > ${pidFile}; echo done`], deadlineMs: 20_000 })
  t.match(result, { code: 0, stdout: 'done\n' })
  t.ok(result.elapsedMs < 10_000)
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
})

void t.test('descriptor 3 is the status file', async (t) => {
  const statusFile = join(folder, 'status')
  await run({ argv: ['sh', '-c', 'echo pmstatus:a:1:b >&3; echo pmstatus:a:2:b >&3'], deadlineMs: 5000, statusFile })
  t.equal(readFileSync(statusFile, 'utf8'), 'pmstatus:a:1:b\npmstatus:a:2:b\n')
})
