// systemctl of a stand-in host, in the words and exit codes of systemd 252 (Debian 12).
import { type Answer, ok, refuse } from './pid1-question.ts'
import type { Unit, Units } from './units.ts'

export interface Power {
  /** Orders a reboot. @returns what begins it, once the asker has been told. */
  readonly orderReboot: () => () => void
  /** PID 1 is at work on a shutdown. */
  readonly isStopping: () => boolean
}

export async function systemctl(units: Units, power: Power, args: readonly string[]): Promise<Answer> {
  const [wanted, words] = [[] as string[], [] as string[]]
  let [value, runtime, quiet, now] = [false, false, false, false]
  const rest = [...args]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-p' || word === '--property') wanted.push(...(rest.shift() ?? '').split(','))
    else if (word.startsWith('--property=') || word.startsWith('-p')) wanted.push(...word.replace(/^--property=|^-p/, '').split(','))
    else if (word === '--value') value = true
    else if (word === '--runtime') runtime = true
    else if (word === '-q' || word === '--quiet') quiet = true
    else if (word === '--now') now = true
    else if (word.startsWith('--message=')) continue
    else if (/^--(?:no-pager|no-wall|no-block|system|plain|full|no-legend|no-ask-password)$/.test(word) || word === '-i' || word === '--') continue
    else if (word.startsWith('-')) return refuse(`systemctl: unrecognized option '${word}'`)
    else words.push(word)
  }
  const [verb = '', ...names] = words
  const fullNames = names.map((name) => (/\.[a-z]+$/.test(name) && /\.(?:service|timer|target|slice|socket)$/.test(name) ? name : `${name}.service`))
  switch (verb) {
    case 'reboot': return { ...ok(), after: power.orderReboot() }
    case 'show': return ok(fullNames.map((name) => show(units, name, wanted, value)).join('\n'))
    case 'is-active': {
      const states = fullNames.map((name) => units.find(name)?.active ?? 'inactive')
      return { stdout: quiet ? '' : states.map((state) => `${state}\n`).join(''), stderr: '', exit: states.includes('active') ? 0 : 3 }
    }
    case 'is-failed': {
      const states = fullNames.map((name) => units.find(name)?.active ?? 'inactive')
      return { stdout: quiet ? '' : states.map((state) => `${state}\n`).join(''), stderr: '', exit: states.includes('failed') ? 0 : 1 }
    }
    case 'is-enabled': {
      const states = fullNames.map((name) => fileStateOf(units, name))
      return { stdout: states.map((state) => `${state}\n`).join(''), stderr: '', exit: states.some((state) => state === 'enabled' || state === 'static') ? 0 : 1 }
    }
    case 'is-system-running': return power.isStopping() ? { stdout: 'stopping\n', stderr: '', exit: 1 } : ok('running\n')
    case 'daemon-reload': return ok()
    case 'stop': return await each(fullNames, async (name) => {
      if (units.find(name) === undefined) return `Failed to stop ${name}: Unit ${name} not loaded.`
      await units.stop(name)
      return undefined
    })
    case 'start':
    case 'restart': return await each(fullNames, async (name) => {
      if (units.isMasked(name) !== undefined) return `Failed to ${verb} ${name}: Unit ${name} is masked.`
      if (units.find(name) === undefined) return `Failed to ${verb} ${name}: Unit ${name} not found.`
      if (verb === 'restart') await units.stop(name)
      units.start(name)
      return undefined
    })
    case 'reset-failed':
      for (const name of fullNames) units.forget(name)
      return ok()
    case 'mask': {
      const lines = fullNames.map((name) => units.mask(name, runtime)).filter((path) => path !== undefined)
      if (now) for (const name of fullNames) await units.stop(name)
      return ok('', lines.map((path) => `Created symlink ${path} → /dev/null.\n`).join(''))
    }
    case 'unmask': {
      const lines = fullNames.map((name) => units.unmask(name, runtime)).filter((path) => path !== undefined)
      return ok('', lines.map((path) => `Removed "${path}".\n`).join(''))
    }
    default: return refuse(`Unknown command verb ${verb}.`)
  }
}

async function each(names: readonly string[], act: (name: string) => Promise<string | undefined>): Promise<Answer> {
  const problems: string[] = []
  for (const name of names) {
    const problem = await act(name)
    if (problem !== undefined) problems.push(problem)
  }
  const exit = problems.length === 0 ? 0 : problems.some((problem) => problem.includes('not loaded') || problem.includes('not found')) ? 5 : 1
  return { stdout: '', stderr: problems.map((problem) => `${problem}\n`).join(''), exit }
}

const fileStateOf = (units: Units, name: string): string => {
  const mask = units.isMasked(name)
  return mask === 'runtime' ? 'masked-runtime' : mask === 'persistent' ? 'masked' : units.find(name)?.fileState ?? ''
}

/** systemctl prints in its own order, whatever order was asked for, and skips what it does not know. */
function show(units: Units, name: string, wanted: readonly string[], value: boolean): string {
  const unit: Partial<Unit> = units.find(name) ?? {}
  const masked = units.isMasked(name) !== undefined
  const service = name.endsWith('.service')
  const properties: [string, string | number | undefined][] = [
    ['MainPID', service ? unit.pid ?? 0 : undefined],
    ['Result', unit.result ?? 'success'],
    ['NRestarts', service ? unit.restarts ?? 0 : undefined],
    ['ExecMainStatus', service ? unit.exitCode ?? 0 : undefined],
    ['Id', name],
    ['Names', name],
    ['Description', unit.description ?? name],
    ['LoadState', masked ? 'masked' : unit.name === undefined ? 'not-found' : 'loaded'],
    ['ActiveState', unit.active ?? 'inactive'],
    ['SubState', unit.sub ?? 'dead'],
    ['UnitFileState', fileStateOf(units, name)]
  ]
  return properties.filter(([key, text]) => text !== undefined && (wanted.length === 0 || wanted.includes(key)))
    .map(([key, text]) => `${value ? '' : `${key}=`}${text ?? ''}\n`).join('')
}
