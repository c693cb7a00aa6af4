// What PID 1 and logind answer on a stand-in host: systemctl, systemd-run, busctl for the scheduled shutdown,
// shutdown and systemd-notify, in the words and exit codes of systemd 252 (Debian 12).
import { accessSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Answer, Question } from './pid1-socket.ts'
import { seconds, type Unit, type Units } from './units.ts'

interface Hands {
  readonly root: string
  readonly units: Units
  readonly timerSlackMs: number
  /** Starts an ordered reboot. */
  readonly reboot: () => void
  readonly agentReady: () => void
  /** Where a unit's program is looked for, besides the caller's PATH. */
  readonly path: string
}

export interface SystemdCommands {
  /** undefined = not one of these. */
  readonly answer: (question: Question) => Promise<Answer | undefined>
  /** A new boot, or the end of one: nothing is scheduled any more. */
  readonly reset: () => void
}

const ok = (stdout = '', stderr = ''): Answer => ({ stdout, stderr, exit: 0 })
const refuse = (stderr: string, exit = 1): Answer => ({ stdout: '', stderr: `${stderr}\n`, exit })

export function createSystemdCommands({ root, units, timerSlackMs, reboot, agentReady, path }: Hands): SystemdCommands {
  // After a cancellation systemd leaves "infinity" as the time: only the type tells whether there is one.
  let scheduled: { type: string, usec: string } = { type: '', usec: '0' }
  let countdown: NodeJS.Timeout | undefined
  const schedulePath = `${root}/run/systemd/shutdown/scheduled`

  function schedule(type: string, epochMs: number): void {
    clearTimeout(countdown)
    scheduled = { type, usec: `${Math.round(epochMs * 1000)}` }
    mkdirSync(`${root}/run/systemd/shutdown`, { recursive: true })
    writeFileSync(schedulePath, `USEC=${scheduled.usec}\nWARN_WALL=1\nMODE=${type}\n`)
    countdown = setTimeout(reboot, Math.max(0, epochMs - Date.now()))
  }

  function cancel(): boolean {
    const was = scheduled.type !== ''
    clearTimeout(countdown)
    if (was) scheduled = { type: '', usec: '18446744073709551615' }
    rmSync(schedulePath, { force: true })
    return was
  }

  function shutdown(args: readonly string[]): Answer {
    const words = args.filter((word) => !word.startsWith('-'))
    if (args.includes('-c')) {
      cancel()
      return ok()
    }
    if (args.includes('--show')) {
      return scheduled.type === '' ? refuse('No scheduled shutdown.') : ok(`Reboot scheduled for ${new Date(Number(scheduled.usec) / 1000).toUTCString()}, use 'shutdown -c' to cancel.\n`)
    }
    if (!args.includes('-r')) return refuse('This stand-in host only reboots: shutdown -r or -c')
    const [time = '+1'] = words
    if (time === 'now' || time === '+0') return { ...ok(), after: reboot }
    const minutes = /^\+?(\d+)$/.exec(time)?.[1]
    if (minutes === undefined) return refuse(`Failed to parse time specification: ${time}`)
    const when = Date.now() + Number(minutes) * 60_000
    schedule('reboot', when)
    return ok('', `Reboot scheduled for ${new Date(when).toUTCString()}, use 'shutdown -c' to cancel.\n`)
  }

  function busctl(args: readonly string[]): Answer {
    const json = args.some((word) => word.startsWith('--json=') && word !== '--json=off') || args.includes('-j')
    const [verb, service, object, face, member, ...values] = args.filter((word) => !word.startsWith('-'))
    if (service !== 'org.freedesktop.login1' || object !== '/org/freedesktop/login1' || face !== 'org.freedesktop.login1.Manager') {
      return refuse(`Call failed: The name ${service ?? ''} was not provided by any .service files`)
    }
    if (verb === 'get-property' && member === 'ScheduledShutdown') {
      return ok(json ? `{"type":"(st)","data":["${scheduled.type}",${scheduled.usec}]}\n` : `(st) "${scheduled.type}" ${scheduled.usec}\n`)
    }
    if (verb === 'call' && member === 'ScheduleShutdown') {
      const [signature, type = '', usec = ''] = values
      if (signature !== 'st' || type !== 'reboot' || !/^\d+$/.test(usec)) return refuse('Call failed: Unsupported shutdown type')
      schedule(type, Number(usec) / 1000)
      return ok()
    }
    if (verb === 'call' && member === 'CancelScheduledShutdown') {
      const was = cancel()
      return ok(json ? `{"type":"b","data":[${was}]}\n` : `b ${was}\n`)
    }
    return refuse(`Call failed: Unknown method or property ${member ?? ''}`)
  }

  function systemdRun(args: readonly string[], callersPath: string): Answer {
    let name: string | undefined
    let delayMs: number | undefined
    let [quiet, collect, precise] = [false, false, false]
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
    const found = executable(program, callersPath)
    if (found === undefined) return refuse(`Failed to find executable ${program}: No such file or directory`)
    name ??= `run-r${Math.random().toString(16).slice(2)}`
    const taken = units.run({
      name, argv: [found, ...argv.slice(1)], environment, collect, properties, description: description === '' ? argv.join(' ') : description,
      delayMs: delayMs === undefined ? undefined : delayMs + (precise ? 0 : timerSlackMs)
    })
    if (taken !== undefined) {
      return refuse(`Failed to start transient ${taken.endsWith('.timer') ? 'timer' : 'service'} unit: Unit ${taken} was already loaded or has a fragment file.`)
    }
    if (quiet) return ok()
    return ok('', delayMs === undefined ? `Running as unit: ${name}.service\n` : `Running timer as unit: ${name}.timer\nWill run service as unit: ${name}.service\n`)
  }

  function executable(program: string, callersPath: string): string | undefined {
    const places = program.includes('/') ? [program] : `${callersPath}:${path}`.split(':').map((folder) => `${folder}/${program}`)
    return places.find((place) => {
      try {
        accessSync(place, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
  }

  async function systemctl(args: readonly string[]): Promise<Answer> {
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
      else if (/^--(?:no-pager|no-wall|no-block|system|plain|full|no-legend|no-ask-password)$/.test(word) || word === '-i' || word === '--') continue
      else if (word.startsWith('-')) return refuse(`systemctl: unrecognized option '${word}'`)
      else words.push(word)
    }
    const [verb = '', ...names] = words
    const fullNames = names.map((name) => (/\.[a-z]+$/.test(name) && /\.(?:service|timer|target|slice|socket)$/.test(name) ? name : `${name}.service`))
    switch (verb) {
      case 'reboot': return { ...ok(), after: reboot }
      case 'show': return ok(fullNames.map((name) => show(name, wanted, value)).join('\n'))
      case 'is-active': {
        const states = fullNames.map((name) => units.find(name)?.active ?? 'inactive')
        return { stdout: quiet ? '' : states.map((state) => `${state}\n`).join(''), stderr: '', exit: states.includes('active') ? 0 : 3 }
      }
      case 'is-failed': {
        const states = fullNames.map((name) => units.find(name)?.active ?? 'inactive')
        return { stdout: quiet ? '' : states.map((state) => `${state}\n`).join(''), stderr: '', exit: states.includes('failed') ? 0 : 1 }
      }
      case 'is-enabled': {
        const states = fullNames.map(fileState)
        return { stdout: states.map((state) => `${state}\n`).join(''), stderr: '', exit: states.some((state) => state === 'enabled' || state === 'static') ? 0 : 1 }
      }
      case 'is-system-running': return ok('running\n')
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

  const fileState = (name: string): string => {
    const mask = units.isMasked(name)
    return mask === 'runtime' ? 'masked-runtime' : mask === 'persistent' ? 'masked' : units.find(name)?.fileState ?? ''
  }

  /** systemctl prints in its own order, whatever order was asked for, and skips what it does not know. */
  function show(name: string, wanted: readonly string[], value: boolean): string {
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
      ['UnitFileState', fileState(name)]
    ]
    return properties.filter(([key, text]) => text !== undefined && (wanted.length === 0 || wanted.includes(key)))
      .map(([key, text]) => `${value ? '' : `${key}=`}${text ?? ''}\n`).join('')
  }

  function notify(args: readonly string[], environment: Question['environment']): Answer {
    if ((environment['NOTIFY_SOCKET'] ?? '') === '') return refuse('No status data could be sent: $NOTIFY_SOCKET was not set')
    if (args.includes('--ready')) agentReady()
    return ok()
  }

  return {
    async answer({ command, args, environment }) {
      switch (command) {
        case 'systemctl': return await systemctl(args)
        case 'systemd-run': return systemdRun(args, environment['PATH'] ?? '')
        case 'busctl': return busctl(args)
        case 'shutdown': return shutdown(args)
        case 'systemd-notify': return notify(args, environment)
        default: return undefined
      }
    },
    reset() {
      clearTimeout(countdown)
      scheduled = { type: '', usec: '0' }
      if (existsSync(schedulePath)) rmSync(schedulePath)
    }
  }
}
