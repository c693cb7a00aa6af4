// What a lab host says of itself when something was waited for in vain: without it a scenario that fails once in a
// hundred runs, on a machine that is gone by then, is never explained. Looks only; a host that does not answer is told as such.
import { existsSync, readFileSync } from 'node:fs'
import type { Machine } from './machine.ts'

/** It hangs already: what does not answer soon is an answer too. */
const patienceMs = 5000
const consoleLines = 40

/** machinectl knows none of these hosts (`--register=no`): their first process is asked by way of its namespaces. */
const questions: readonly (readonly [string, ...string[]])[] = [
  ['systemctl', 'is-system-running'],
  ['systemctl', 'list-jobs', '--no-pager', '--no-legend'],
  ['systemctl', 'list-units', '--all', '--plain', '--no-pager', '--no-legend', 'pitstop*', 'gitlab-runsvdir*', 'gitaly*'],
  ['systemctl', 'list-units', '--failed', '--plain', '--no-pager', '--no-legend'],
  ['busctl', 'get-property', 'org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager', 'PreparingForShutdown', 'BlockInhibited', 'DelayInhibited'],
  ['gitlab-ctl', 'status', 'gitaly'],
  ['ps', '-eo', 'pid,ppid,stat,wchan:20,etimes,args', '--forest'],
  ['journalctl', '--no-pager', '--output=short-precise', '--lines=60']
]

export async function lastWords(machine: Machine): Promise<string> {
  const answers = machine.isOn() ? await Promise.all(questions.map(async (argv) => {
    const { exit, stdout, stderr } = await machine.run(argv, patienceMs)
    return said(`${argv.join(' ')}${exit === 0 ? '' : ` (ended with ${exit})`}`, stdout + stderr)
  })) : ['the machine is off']
  return [...answers, said('console', existsSync(machine.console) ? readFileSync(machine.console, 'utf8').split('\n').slice(-consoleLines).join('\n') : '')].join('\n')
}

export const said = (by: string, text: string): string => `--- ${by}\n${text.trim() === '' ? '(nothing)' : text.trimEnd()}`

/** A field of its own: tap makes one line of a message and a block of a field. */
export const inVain = (text: string, lastWords: string): Error => Object.assign(new Error(text), { lastWords })
