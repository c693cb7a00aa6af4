// Gitaly's stop under runit: a real process, a folder as runsv keeps it, a gitlab-ctl that takes its time. The same with the
// real runit is part of the lab (test/lab/window.test.ts).
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { type FakeHost, fakeHost } from '../fixtures/fake-host.ts'
import type { ServiceManager } from '../ports.ts'
import { hostFiles } from './host-files.ts'
import { sleeps } from './process-start.ts'
import { commandRunner } from './run-command.ts'
import { serviceManager } from './service-manager.ts'

interface World {
  readonly host: FakeHost
  readonly manager: ServiceManager
  readonly gitaly: ChildProcess
  /** As runsv replaces its status. */
  readonly says: (pid: number | undefined, want: 'u' | 'd', state: 0 | 1 | 2, service?: string) => void
  readonly started: (argv: readonly [string, ...string[]]) => ChildProcess
  readonly asked: () => Promise<void>
}

/** gitlab-ctl ends when `release` is there, with its code; never later than in ten seconds. */
async function world(t: { teardown(handler: () => unknown): void }, words = 'ok: down: gitaly: 0s, normally up'): Promise<World> {
  const host = await fakeHost()
  const children: ChildProcess[] = []
  t.teardown(async () => {
    host.write('release', '0')
    for (const child of children) child.kill('SIGKILL')
    await host.close()
  })
  host.write('bin/gitlab-ctl', `#!/bin/sh\nPATH=/usr/bin:/bin\necho "$1 $SVWAIT" >> ${host.root}/effects\nfor i in $(seq 1000); do [ -e ${host.root}/release ] && break; sleep 0.01; done\necho '${words}'\nexit $(cat ${host.root}/release)\n`)
  const settings = host.settings().host
  const files = hostFiles(settings)
  const started = (argv: readonly [string, ...string[]]): ChildProcess => {
    const child = spawn(argv[0], argv.slice(1), { stdio: 'ignore', env: {} })
    children.push(child)
    return child
  }
  const says: World['says'] = (pid, want, state, service = '.') => {
    const path = join(files.servicePath, service, 'supervise/status')
    mkdirSync(dirname(path), { recursive: true })
    const status = Buffer.alloc(20)
    status.writeUInt32LE(pid ?? 0, 12)
    status[17] = want.charCodeAt(0)
    status[19] = state
    writeFileSync(`${path}.new`, status)
    renameSync(`${path}.new`, path)
  }
  const gitaly = started(['/bin/sleep', '30'])
  says(gitaly.pid, 'u', 1)
  return {
    host, manager: serviceManager(commandRunner(settings.path), settings.gitaly, files), gitaly, says, started,
    asked: async () => { for (let look = 0; host.effects().length === 0 && look < 500; look++) await sleep(10) }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** What has become of it after a while that a watch would not need. */
const soFar = <T>(stopping: Promise<T>): Promise<T | 'still waiting'> => Promise.race([stopping, sleep(300).then(() => 'still waiting' as const)])

void t.test('the stop is over as soon as runsv says so and the process is gone, while gitlab-ctl still looks', async (t) => {
  const { host, manager, gitaly, says, asked } = await world(t)
  const stopping = manager.stop()
  await asked()
  says(gitaly.pid, 'd', 1)
  t.equal(await soFar(stopping), 'still waiting', 'told to end, and still there')
  await ended(gitaly)
  t.equal(await soFar(stopping), 'still waiting', 'gone, and nobody has said that it stays so')
  says(0, 'd', 0)
  t.equal(await stopping, '')
  t.same(host.effects(), ['stop 5'], 'asked once, and given the time of the configuration')
})

void t.test('runsv\'s word is not believed while the process lives', async (t) => {
  const { host, manager, says, asked } = await world(t)
  const stopping = manager.stop()
  await asked()
  says(0, 'd', 0)
  t.equal(await soFar(stopping), 'still waiting')
  host.write('release', '0')
  t.match(await stopping, /ended well, and its process \d+ is still there/, 'nor is gitlab-ctl\'s')
})

void t.test('a Gitaly that crashed before it was told to end is not stopped: runsv is about to start it again', async (t) => {
  const { manager, gitaly, says, asked } = await world(t)
  const stopping = manager.stop()
  await asked()
  await ended(gitaly)
  says(0, 'u', 0)
  t.equal(await soFar(stopping), 'still waiting')
  says(0, 'd', 0)
  t.equal(await stopping, '')
})

void t.test('a stop that fails, or takes too long, is told in gitlab-ctl\'s words', async (t) => {
  const { host, manager, gitaly, says, asked } = await world(t, 'timeout: run: gitaly: (pid 42) 131s, want down, got TERM')
  const stopping = manager.stop()
  await asked()
  says(gitaly.pid, 'd', 1)
  host.write('release', '1')
  t.match(await stopping, /ended with 1: timeout: run: gitaly: .*got TERM/)
})

void t.test('what cannot be watched is left to gitlab-ctl: no status, a broken one, a Gitaly that is down already', async (t) => {
  for (const [name, prepare] of Object.entries<(world: World) => void>({
    'no status': ({ host }) => { host.remove('opt/gitlab/sv/gitaly/supervise/status') },
    'a broken one': ({ host }) => { host.write('opt/gitlab/sv/gitaly/supervise/status', 'run') },
    'down already': ({ says }) => { says(0, 'd', 0) }
  })) {
    const each = await world(t)
    prepare(each)
    const stopping = each.manager.stop()
    await each.asked()
    t.equal(await soFar(stopping), 'still waiting', name)
    each.host.write('release', '0')
    t.equal(await stopping, '', name)
  }
})

void t.test('the log service that still writes is waited for, and never for long', async (t) => {
  const { host, manager, gitaly, says, started, asked } = await world(t)
  // It writes when there is `end`, and is at work until then.
  const svlogd = started(['/bin/sh', '-c', `while ! [ -e ${host.root}/end ]; do :; done; echo last >> ${host.root}/log; exec /bin/sleep 30`])
  says(svlogd.pid, 'u', 1, 'log')
  const stopping = manager.stop()
  await asked()
  await ended(gitaly)
  says(0, 'd', 0)
  t.equal(await Promise.race([stopping, sleep(50).then(() => 'still waiting')]), 'still waiting')
  host.write('end', '')
  t.equal(await stopping, '')
  t.equal(host.read('log'), 'last\n')
  t.ok(sleeps(svlogd.pid ?? 0))

  const other = await world(t)
  const busy = other.started(['/bin/sh', '-c', 'while :; do :; done'])
  other.says(busy.pid, 'u', 1, 'log')
  const again = other.manager.stop()
  await other.asked()
  await ended(other.gitaly)
  other.says(0, 'd', 0)
  const from = performance.now()
  t.equal(await again, '')
  t.ok(performance.now() - from < 2000)
  await ended(busy)
})
