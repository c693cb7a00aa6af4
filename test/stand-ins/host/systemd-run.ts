// systemd-run of a stand-in host: its command line, read into a transient unit. The unit is started by the machine, so
// it outlives its caller.
import { accessSync, constants } from 'node:fs'
import { type Answer, ok, refuse } from './pid1-question.ts'
import { seconds, type Units } from './units.ts'

interface Surroundings {
  readonly units: Units
  readonly timerSlackMs: number
  /** Where a unit's program is looked for, besides the caller's PATH. */
  readonly path: string
}

export async function systemdRun({ units, timerSlackMs, path }: Surroundings, args: readonly string[], callersPath: string): Promise<Answer> {
  let name: string | undefined
  let delayMs: number | undefined
  let [quiet, collect, precise, wait, pipe] = [false, false, false, false, false]
  let description = ''
  const environment: Record<string, string> = {}
  const properties = new Map<string, string>()
  const rest = [...args]
  const argv: string[] = []
  while (rest.length > 0 && argv.length === 0) {
    const word = rest.shift() ?? ''
    const [option = '', inline] = /^(--?[a-z-]+)(?:=(.*))?$/s.exec(word)?.slice(1) ?? []
    const value = (): string => inline ?? rest.shift() ?? ''
    const pair = (): [string, string] => {
      const [key = '', ...parts] = value().split('=')
      return [key, parts.join('=')]
    }
    if (word === '--') argv.push(...rest.splice(0))
    else if (!word.startsWith('-')) argv.push(word, ...rest.splice(0))
    else if (option === '--quiet' || option === '-q') quiet = true
    else if (option === '--collect' || option === '-G') collect = true
    else if (option === '--wait') wait = true
    else if (option === '--pipe' || option === '-P') pipe = true
    else if (option === '--no-block' || option === '--system' || option === '--no-ask-password') continue
    else if (option === '--unit' || option === '-u') name = value().replace(/\.(?:service|timer)$/, '')
    else if (option === '--on-active') {
      delayMs = seconds(value())
      if (delayMs === undefined || Number.isNaN(delayMs)) return refuse(`Failed to parse argument to --on-active=: ${inline ?? ''}`)
    } else if (option === '--timer-property') {
      const [key] = pair()
      precise ||= key === 'AccuracySec'
    } else if (option === '--property' || option === '-p') {
      const [key, text] = pair()
      if (!/^[A-Z]\w+$/.test(key)) return refuse(`Unknown assignment: ${key}=${text}`)
      properties.set(key, text)
    } else if (option === '--setenv' || option === '-E') {
      const [key, text] = pair()
      environment[key] = text
    } else if (option === '--description') description = value()
    else return refuse(`systemd-run: unrecognized option '${word}'`)
  }
  const [program] = argv
  if (program === undefined) return refuse('Command line to execute required.')
  const found = executable(program, `${callersPath}:${path}`)
  if (found === undefined) return refuse(`Failed to find executable ${program}: No such file or directory`)
  name ??= `run-r${Math.random().toString(16).slice(2)}`
  if (wait && delayMs !== undefined) return refuse('--wait may not be combined with --on-active=.')
  const end = Promise.withResolvers<Answer>()
  const taken = units.run({
    ...wait && pipe ? { ended: (exit, stdout, stderr) => { end.resolve({ exit, stdout, stderr }) } } : {},
    name, argv: [found, ...argv.slice(1)], environment, collect, properties, description: description === '' ? argv.join(' ') : description,
    delayMs: delayMs === undefined ? undefined : delayMs + (precise ? 0 : timerSlackMs)
  })
  if (taken !== undefined) {
    return refuse(`Failed to start transient ${taken.endsWith('.timer') ? 'timer' : 'service'} unit: Unit ${taken} was already loaded or has a fragment file.`)
  }
  if (wait && pipe) return await end.promise
  if (quiet) return ok()
  return ok('', delayMs === undefined ? `Running as unit: ${name}.service\n` : `Running timer as unit: ${name}.timer\nWill run service as unit: ${name}.service\n`)
}

function executable(program: string, path: string): string | undefined {
  const places = program.includes('/') ? [program] : path.split(':').map((folder) => `${folder}/${program}`)
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
