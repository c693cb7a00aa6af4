// What is asked of systemd for a command that must run outside of the agent's own service.
import t from 'tap'
import type { Command, CommandResult } from '../ports.ts'
import { outsideRunner } from './outside-runner.ts'

const ended: CommandResult = { code: 0, signal: null, stdout: 'out', stderr: '', truncated: false, timedOut: false, elapsedMs: 20 }

void t.test('the same environment and time as any command, kept by systemd also when nobody waits any more', async (t) => {
  const asked: Command[] = []
  const run = outsideRunner((command) => { asked.push(command); return Promise.resolve(ended) }, ['/usr/sbin', '/usr/bin'])
  t.match(await run({ argv: ['/etc/pitstop/hooks.d/after-ready/50-x'], deadlineMs: 60_000, env: { PITSTOP_REASON: 'CVE 1' }, outputCap: 5 }), { code: 0, stdout: 'out', timedOut: false })
  const argv: readonly string[] = asked[0]?.argv ?? []
  t.same(argv.slice(0, 5), ['systemd-run', '--wait', '--pipe', '--quiet', '--collect'])
  for (const word of ['--property=RuntimeMaxSec=60000ms', '--property=TimeoutStopSec=2000ms', '--setenv=LC_ALL=C', '--setenv=HOME=/root', '--setenv=PATH=/usr/sbin:/usr/bin', '--setenv=PITSTOP_REASON=CVE 1']) {
    t.ok(argv.includes(word), word)
  }
  t.same(argv.slice(-2), ['--', '/etc/pitstop/hooks.d/after-ready/50-x'])
  t.ok((asked[0]?.deadlineMs ?? 0) > 62_000, 'systemd ends it first')
  t.equal(asked[0]?.outputCap, 5)
})

void t.test('systemd-run 252 ends with 1 when the time was over: told from a command that ended with 1 itself', async (t) => {
  const late = (part: Partial<CommandResult>) => outsideRunner(() => Promise.resolve({ ...ended, ...part }), [])({ argv: ['x'], deadlineMs: 1500 })
  t.equal((await late({ code: 1, elapsedMs: 1585 })).timedOut, true)
  t.equal((await late({ code: 1, elapsedMs: 40 })).timedOut, false)
  t.equal((await late({ code: 0, elapsedMs: 1585 })).timedOut, false)
})
