// gitlab-ctl over the runit stand-in: sv's texts and omnibus' exit codes (0 run or finish, 3 down, 4 unknown,
// 1 fail), with the traps: a service that is not enabled prints nothing and exits 0; before runsvdir is up it fails.
import { existsSync } from 'node:fs'
import { at } from './host-layout.ts'
import type { Runit, ServiceState } from './runit.ts'
import type { Answer, Question } from './pid1-question.ts'

const service = 'gitaly'

export async function gitlabCtl(root: string, runit: Runit, { args, environment }: Question): Promise<Answer> {
  const [verb = '', ...names] = args
  const wait = Number(environment['SVWAIT'] ?? 30) * 1000
  const enabled = existsSync(at(root, 'gitalyService'))
  if (!enabled || (names.length > 0 && !names.includes(service))) return { stdout: '', stderr: '', exit: 0 }
  const known = ['status', 'start', 'stop', 'restart', 'kill', 'term', 'hup', 'int', 'once', 'tail']
  if (!known.includes(verb)) {
    return { stdout: `I don't know that command.\n/opt/gitlab/bin/gitlab-ctl: command (subcommand)\n`, stderr: '', exit: 1 }
  }
  if (!runit.isSupervised()) return say(`fail: ${service}: runsv not running`, 1)
  switch (verb) {
    case 'status': return say(`${describe(root, runit.state())}; run: log: (pid ${process.pid}) ${seconds(runit.logSince())}s`, code(runit.state()))
    case 'start': {
      runit.up()
      return await settled(root, runit, ({ state }) => state === 'run', wait)
    }
    case 'stop': {
      runit.down()
      return await settled(root, runit, ({ state }) => state === 'down', wait)
    }
    case 'restart': {
      const { pid } = runit.state()
      runit.down()
      const stopped = await runit.until(({ state }) => state === 'down', wait)
      if (!stopped) return say(`timeout: ${describe(root, runit.state())}`, 1)
      runit.up()
      return await settled(root, runit, (now) => now.state === 'run' && now.pid !== pid, wait)
    }
    case 'kill': {
      // omnibus: `sv force-stop`-like signal KILL; runsv starts it again unless it is wanted down.
      runit.signal('SIGKILL')
      return say(`ok: ${describe(root, runit.state())}`, 0)
    }
    default: {
      runit.signal(verb === 'hup' ? 'SIGHUP' : verb === 'int' ? 'SIGINT' : 'SIGTERM')
      return say(`ok: ${describe(root, runit.state())}`, 0)
    }
  }
}

async function settled(root: string, runit: Runit, holds: (state: ServiceState) => boolean, wait: number): Promise<Answer> {
  const done = await runit.until(holds, wait)
  return say(`${done ? 'ok' : 'timeout'}: ${describe(root, runit.state())}`, done ? 0 : 1)
}

const say = (line: string, exit: number): Answer => ({ stdout: `${line}\n`, stderr: '', exit })

const seconds = (since: number): number => Math.max(0, Math.floor((Date.now() - since) / 1000))

const code = ({ state }: ServiceState): number => (state === 'down' ? 3 : 0)

/** svstatus_print of runit's sv.c. */
function describe(root: string, { state, pid, since, want, gotTerm }: ServiceState): string {
  const normallyUp = !existsSync(at(root, 'gitalyDown'))
  const extra = [
    ...(pid !== 0 && !normallyUp ? ['normally down'] : []),
    ...(pid === 0 && normallyUp ? ['normally up'] : []),
    ...(pid === 0 && want === 'up' ? ['want up'] : []),
    ...(pid !== 0 && want === 'down' ? ['want down'] : []),
    ...(pid !== 0 && gotTerm ? ['got TERM'] : [])
  ]
  return [`${state}: ${service}: ${pid === 0 ? '' : `(pid ${pid}) `}${seconds(since)}s`, ...extra].join(', ')
}
