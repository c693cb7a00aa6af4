// The service manager's text, parsed: runit's `sv status` lines as gitlab-ctl prints them, and `systemctl show`.
// Never trust the exit code: gitlab-ctl ends with 0 for a disabled service and may between crashes. Pure; never throws.

export type RunState = 'run' | 'down' | 'finish' | 'unsupervised' | 'unknown'

export interface ServiceReading {
  readonly name: string
  readonly state: RunState
  /** 0 = none. */
  readonly pid: number
  readonly uptimeS: number
  /** Would not start at boot. */
  readonly normallyDown: boolean
  /** How often the service manager says that it started it again by itself; runit does not count. */
  readonly restarts?: number
  /** The line as printed. */
  readonly text: string
}

const reading = (text: string, name: string, state: RunState, rest: Partial<ServiceReading> = {}): ServiceReading =>
  ({ name, state, pid: 0, uptimeS: 0, normallyDown: false, text: text.slice(0, longestText), ...rest })

const longestText = 500

/** All services in the output of `gitlab-ctl status [NAME]`; lines that name no service are left out. */
export const parseGitlabCtl = (text: string): readonly ServiceReading[] =>
  text.split('\n').flatMap((line) => parseLine(line.trim()) ?? [])

/**
 * The one asked for. Nothing printed at all means that it is not enabled, which the exit code does not tell; anything else
 * without a line for it is not understood.
 */
export function gitlabCtlService(text: string, name: string): ServiceReading {
  const own = parseGitlabCtl(text).filter((service) => service.name === name)
  // A warning beside the status itself says less than it.
  const [first] = own.toSorted((a, b) => Number(a.state === 'unknown') - Number(b.state === 'unknown'))
  if (first !== undefined) return first
  return text.trim() === ''
    ? reading(`gitlab-ctl knows no service ${name}: it is not enabled`, name, 'unsupervised', { normallyDown: true })
    : reading(text.trim().slice(0, 200), name, 'unknown')
}

function parseLine(line: string): ServiceReading | undefined {
  const match = /^(?:timeout: |kill: |ok: )?(run|down|finish|fail|warning): ([^\s:]+): (.*)$/.exec(line)
  if (match === null) return undefined
  const [, word = '', path = '', rest = ''] = match
  // sv prints the name as it was given, which is a path with other callers than gitlab-ctl.
  const name = path.slice(path.lastIndexOf('/') + 1)
  // Behind ';' stands the log service's own status.
  const own = rest.split(';')[0] ?? ''
  const pid = wholeNumber(/\(pid (\d+)\)/.exec(own)?.[1])
  const uptimeS = wholeNumber(/(?:^|\s)(\d+)s\b/.exec(own)?.[1])
  const facts = { pid, uptimeS, normallyDown: /\bnormally down\b/.test(own) }
  switch (word) {
    case 'run':
      // "run: ..., want down, got TERM" or "paused": alive, and not what should be.
      return reading(line, name, pid > 0 && !/want down|paused/.test(own) ? 'run' : pid > 0 ? 'finish' : 'unknown', facts)
    case 'down': return reading(line, name, 'down', { ...facts, pid: 0 })
    case 'finish': return reading(line, name, 'finish', facts)
    default:
      return reading(line, name, /runsv not running|unable to open supervise|unable to change to service directory/.test(own) ? 'unsupervised' : 'unknown')
  }
}

function wholeNumber(text: string | undefined): number {
  const number = Number(text ?? 0)
  return Number.isSafeInteger(number) && number >= 0 ? number : 0
}

/** What is asked of `systemctl show -p`. Of a unit that it does not know it answers too, with LoadState=not-found. */
export const systemctlProperties = 'LoadState,ActiveState,SubState,Result,MainPID,ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic,UnitFileState,NRestarts'

/**
 * Unit files that the next boot would not start: `enabled-runtime` and what was linked or made in /run is gone by then, and
 * whether a masked one is enabled cannot be told. `static` ones are started by whoever wants them.
 */
const notStarted = /^(?:disabled|masked|masked-runtime|enabled-runtime|linked|linked-runtime|transient|bad)$/

/** @param monotonicMs the machine's CLOCK_MONOTONIC, which systemd's time stamps count on, in containers too. */
export function parseSystemctlShow(text: string, name: string, monotonicMs: number): ServiceReading {
  const value = new Map(text.split('\n').flatMap((line) => {
    const at = line.indexOf('=')
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1).trim()] as const] : []
  }))
  const active = value.get('ActiveState')
  const load = value.get('LoadState') ?? 'loaded'
  const file = value.get('UnitFileState') ?? '?'
  const result = value.get('Result') ?? 'success'
  const line = `${active ?? '?'} (${value.get('SubState') ?? '?'})${load === 'loaded' ? '' : `, ${load}`}${result === 'success' ? '' : `, ${result}`}, pid ${value.get('MainPID') ?? '?'}, ${file === '' ? 'no unit file' : file}`
  const pid = wholeNumber(value.get('MainPID'))
  // The process's own start: the unit may have become active long after it, or been reloaded.
  const startedUs = wholeNumber(value.get('ExecMainStartTimestampMonotonic')) || wholeNumber(value.get('ActiveEnterTimestampMonotonic'))
  const uptimeS = startedUs > 0 && pid > 0 ? Math.max(0, Math.floor((monotonicMs - startedUs / 1000) / 1000)) : 0
  const facts = { pid, uptimeS, normallyDown: notStarted.test(file) || load === 'not-found', restarts: wholeNumber(value.get('NRestarts')) }
  switch (active) {
    // A reload does not end the process; systemd itself counts it as active.
    case 'active': case 'reloading': case 'refreshing': return reading(line, name, pid > 0 ? 'run' : 'unknown', facts)
    case 'activating': case 'inactive': case 'failed': case 'maintenance': return reading(line, name, 'down', { ...facts, pid: 0, uptimeS: 0 })
    case 'deactivating': return reading(line, name, 'finish', facts)
    default: return reading(line, name, 'unknown')
  }
}
