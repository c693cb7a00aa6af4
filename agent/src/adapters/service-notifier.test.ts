// systemd hears "ready" once and a ping as long as the state directory answers; nothing of it can fail the agent.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Command, CommandResult } from '../ports.ts'
import { jsonLog } from './json-log.ts'
import { serviceNotifier } from './service-notifier.ts'

const state = mkdtempSync(join(tmpdir(), 'pitstop-notifier-'))
t.teardown(() => { rmSync(state, { recursive: true, force: true }) })
const done: CommandResult = { code: 0, signal: null, stdout: '', stderr: '', truncated: false, timedOut: false, elapsedMs: 1 }
/** A ping every 20 ms. */
const watchdog = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '60000' }

async function told(environment: Readonly<Record<string, string>>, forMs: number, run?: () => Promise<CommandResult>): Promise<{ commands: readonly Command[], log: string }> {
  const commands: Command[] = []
  let log = ''
  const notifier = serviceNotifier({
    stateDirectory: state, environment, log: jsonLog((line) => { log += line }),
    run: async (command) => { commands.push(command); return run === undefined ? done : run() }
  })
  await notifier.ready()
  await sleep(forMs)
  notifier.close()
  const heard = commands.length
  await sleep(30)
  t.equal(commands.length, heard, 'silent once closed')
  return { commands, log }
}

void t.test('ready once, then pings', async (t) => {
  mkdirSync(join(state, 'orders'), { recursive: true })
  const { commands, log } = await told(watchdog, 90)
  const [first, ...pings] = commands
  t.match(first, { argv: ['systemd-notify', '--ready'], env: { NOTIFY_SOCKET: '/run/systemd/notify' } })
  t.ok(pings.length >= 2, `${pings.length} pings`)
  for (const { argv } of pings) t.same(argv, ['systemd-notify', 'WATCHDOG=1'])
  t.equal(log, '')
})

void t.test('no ping while the state directory does not answer, and the log says why', async (t) => {
  rmSync(join(state, 'orders'), { recursive: true })
  const { commands, log } = await told(watchdog, 90)
  t.same(commands.map(({ argv }) => argv.at(-1)), ['--ready'])
  t.match(log, /"level":50.*ENOENT.*state directory does not answer/)
})

void t.test('without systemd nothing is run; without a watchdog nothing is pinged', async (t) => {
  mkdirSync(join(state, 'orders'), { recursive: true })
  t.same((await told({}, 30)).commands, [])
  t.equal((await told({ NOTIFY_SOCKET: '/x' }, 60)).commands.length, 1)
})

void t.test('a systemd-notify that fails is a warning, never the agent\'s end', async (t) => {
  t.match((await told(watchdog, 5, async () => ({ ...done, code: 1, stderr: 'No status data could be sent\n' }))).log, /"level":40.*No status data could be sent/)
  t.match((await told(watchdog, 5, async () => { throw new Error('spawn systemd-notify ENOENT') })).log, /"level":40.*ENOENT/)
})

void t.test('the log has pino\'s form and no secrets', async (t) => {
  let line = ''
  jsonLog((text) => { line = text }).warn({ 'node': 'n1', 'private-token': 'glpat-secret', 'error': 'refused glpat-secret' }, 'said glpat-secret')
  t.match(JSON.parse(line), { level: 40, time: Number, node: 'n1', 'private-token': '[hidden]', msg: 'said [token]' })
  t.notMatch(line, 'secret')
})
