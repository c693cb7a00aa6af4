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
  /** The line as printed. */
  readonly text: string
}

const reading = (text: string, name: string, state: RunState, rest: Partial<ServiceReading> = {}): ServiceReading =>
  ({ name, state, pid: 0, uptimeS: 0, normallyDown: false, text, ...rest })

/** 0 for what is no number that a process or a clock could have. */
const count = (text = ''): number => /^\d{1,15}$/.test(text) ? Number(text) : 0

/** All services in the output of `gitlab-ctl status [NAME]`; lines that name no service are left out. */
export const parseGitlabCtl = (text: string): readonly ServiceReading[] =>
  text.split('\n').flatMap((line) => parseLine(line.trim()) ?? [])

/** The one asked for; no line at all means that it is not enabled, which the exit code does not tell. */
export const gitlabCtlService = (text: string, name: string): ServiceReading =>
  parseGitlabCtl(text).find((service) => service.name === name)
  ?? reading(text.trim().slice(0, 200) || `no line for ${name}: not enabled`, name, 'unknown')

function parseLine(line: string): ServiceReading | undefined {
  const match = /^(?:timeout: |kill: |ok: )?(run|down|finish|fail|warning): ([^\s:]+): (.*)$/.exec(line)
  if (match === null) return undefined
  const [, word = '', name = '', rest = ''] = match
  // Behind ';' stands the log service's own status.
  const own = rest.split(';')[0] ?? ''
  const pid = count(/\(pid (\d+)\)/.exec(own)?.[1])
  const uptimeS = count(/(?:^|\s)(\d+)s\b/.exec(own)?.[1])
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

/** Output of `systemctl show -p ActiveState,SubState,MainPID,ActiveEnterTimestampMonotonic,UnitFileState,NRestarts UNIT`. */
export function parseSystemctlShow(text: string, name: string, uptimeMs: number): ServiceReading {
  const value = new Map(text.split('\n').flatMap((line) => {
    const at = line.indexOf('=')
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1).trim()] as const] : []
  }))
  const active = value.get('ActiveState')
  const line = `${active ?? '?'} (${value.get('SubState') ?? '?'}), pid ${value.get('MainPID') ?? '?'}, ${value.get('UnitFileState') ?? '?'}`
  const pid = count(value.get('MainPID'))
  const enteredUs = count(value.get('ActiveEnterTimestampMonotonic'))
  const uptimeS = enteredUs > 0 ? Math.max(0, Math.floor((uptimeMs - enteredUs / 1000) / 1000)) : 0
  const facts = { pid, uptimeS, normallyDown: /^(?:disabled|masked|masked-runtime)$/.test(value.get('UnitFileState') ?? '') }
  switch (active) {
    case 'active': return reading(line, name, pid > 0 ? 'run' : 'unknown', facts)
    case 'activating': case 'inactive': case 'failed': return reading(line, name, 'down', { ...facts, uptimeS: 0 })
    case 'deactivating': case 'reloading': return reading(line, name, 'finish', facts)
    default: return reading(line, name, 'unknown')
  }
}
