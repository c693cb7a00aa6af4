// The commands of a stand-in host except apt-get, by name. The machine answers its askers with this; command.ts has
// only what needs no machine, and for the rest what a host says that is not up.
import { aptCache } from './apt-cache.ts'
import { aptMark, dpkg, dpkgQuery } from './dpkg.ts'
import { gitlabCtl } from './gitlab-ctl.ts'
import { appendRecord } from './history.ts'
import type { Answer, Question } from './pid1-question.ts'
import type { Runit } from './runit.ts'
import type { SystemdCommands } from './systemd-commands.ts'

interface RunningHost {
  readonly root: string
  readonly runit: Runit
  readonly systemd: SystemdCommands
  readonly bootId: () => string
  readonly isOff: () => boolean
}

export function answerWithoutMachine(root: string, command: string, args: readonly string[]): Answer {
  return packageCommand(root, command, args) ?? notUp(command)
}

/** Answers, and writes down that it did before anyone hears of it; what was begun is finished, asked for or not. */
export async function answerCommand(host: RunningHost, question: Question, isWaitedFor: () => boolean): Promise<Answer> {
  const { command, args, pid } = question
  const [startedAt, bootId] = [Date.now(), host.bootId()]
  const answer = await answerIn(host, question).catch((error: unknown): Answer => ({ stdout: '', stderr: `${String(error)}\n`, exit: 1 }))
  appendRecord(host.root, 'commandHistory', {
    at: new Date(startedAt).toISOString(), command, args, boot_id: bootId, exit: isWaitedFor() ? answer.exit : null, ms: Date.now() - startedAt, pid
  })
  return answer
}

async function answerIn({ root, runit, systemd, isOff }: RunningHost, question: Question): Promise<Answer> {
  const { command, args } = question
  const known = packageCommand(root, command, args)
  if (known !== undefined) return known
  if (isOff()) return notUp(command)
  if (command === 'gitlab-ctl') return await gitlabCtl(root, runit, question)
  return await systemd.answer(question) ?? { stdout: '', stderr: `${command}: command not found\n`, exit: 127 }
}

function packageCommand(root: string, command: string, args: readonly string[]): Answer | undefined {
  switch (command) {
    case 'apt-cache': return aptCache(root, args)
    case 'apt-mark': return aptMark(root, args)
    case 'dpkg': return dpkg(root, args)
    case 'dpkg-query': return dpkgQuery(root, args)
    default: return undefined
  }
}

function notUp(command: string): Answer {
  if (command === 'gitlab-ctl') return { stdout: 'fail: gitaly: runsv not running\n', stderr: '', exit: 1 }
  return { stdout: '', stderr: "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n", exit: 1 }
}
