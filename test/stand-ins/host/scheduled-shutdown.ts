// The shutdown that is scheduled on a stand-in host, as logind keeps it: set and asked by shutdown and by busctl.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { type Answer, ok, refuse } from './pid1-question.ts'
import type { Power } from './systemctl.ts'

export interface ScheduledShutdown {
  readonly shutdown: (args: readonly string[]) => Answer
  readonly busctl: (args: readonly string[]) => Answer
  /** A new boot, or the end of one: nothing is scheduled any more. */
  readonly reset: () => void
}

export function createScheduledShutdown(root: string, { orderReboot, isStopping }: Power): ScheduledShutdown {
  // After a cancellation systemd leaves "infinity" as the time: only the type tells whether there is one.
  let scheduled: { type: string, usec: string } = { type: '', usec: '0' }
  let countdown: NodeJS.Timeout | undefined
  const schedulePath = `${root}/run/systemd/shutdown/scheduled`

  function schedule(type: string, epochMs: number): void {
    clearTimeout(countdown)
    scheduled = { type, usec: `${Math.round(epochMs * 1000)}` }
    mkdirSync(`${root}/run/systemd/shutdown`, { recursive: true })
    writeFileSync(schedulePath, `USEC=${scheduled.usec}\nWARN_WALL=1\nMODE=${type}\n`)
    countdown = setTimeout(() => { orderReboot()() }, Math.max(0, epochMs - Date.now()))
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
    if (time === 'now' || time === '+0') return { ...ok(), after: orderReboot() }
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
    if (verb === 'get-property' && member === 'PreparingForShutdown') return ok(json ? `{"type":"b","data":${isStopping()}}\n` : `b ${isStopping()}\n`)
    // Nobody asks for time on a stand-in host.
    if (verb === 'call' && member === 'ListInhibitors') return ok(json ? '{"type":"a(ssssuu)","data":[[]]}\n' : 'a(ssssuu) 0\n')
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

  return {
    shutdown,
    busctl,
    reset() {
      clearTimeout(countdown)
      scheduled = { type: '', usec: '0' }
      if (existsSync(schedulePath)) rmSync(schedulePath)
    }
  }
}
