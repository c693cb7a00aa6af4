// Gitaly's supervisor: omnibus' gitlab-ctl (runit) or a plain systemd unit. Status is parsed from text, never from the
// exit code. The stop is the point of no return: only the reboot's unit calls it. Used by agent and units: nothing heavy.
import { asFault, chain } from '@pitstop/shared/fault'
import { unitObstacle } from '../domain/boot-unit.ts'
import { gitlabCtlService, parseGitlabCtl, parseSystemctlShow, type ServiceReading, systemctlProperties } from '../domain/service-status.ts'
import type { Command, HostFiles, HostSettings, RunCommand, ServiceManager } from '../ports.ts'
import { mayLive } from './process-start.ts'
import { outputOf } from './run-command.ts'
import { logWritten, watchEnd } from './runsv-watch.ts'

/** `gitlab-ctl` is a Ruby program: half a second is normal, more on a busy host. */
const statusDeadlineMs = 10_000

export function serviceManager(run: RunCommand, settings: HostSettings['gitaly'], files: Pick<HostFiles, 'machineUptimeMs' | 'servicePath'>): ServiceManager {
  const { service, stopDeadlineMs, startDeadlineMs } = settings
  const said = async (command: Command): Promise<string> => {
    try {
      const result = await run(command)
      const text = (result.stdout + result.stderr).trim().split('\n').slice(-3).join('; ')
      if (result.timedOut) return `${command.argv.join(' ')} did not end within ${command.deadlineMs} ms${text === '' ? '' : `: ${text}`}`
      return result.code === 0 ? '' : `${command.argv.join(' ')} ended with ${result.code ?? result.signal}: ${text}`
    } catch (error) { return chain(asFault(error)) }
  }
  const bootObstacle = async (): Promise<string | undefined> => {
    const unit = gitalyUnit(settings)
    const result = await run({ argv: ['systemctl', 'is-enabled', unit], deadlineMs: statusDeadlineMs })
    return unitObstacle(unit, result.timedOut ? '' : `${result.stdout}${result.stderr}`)
  }
  if (settings.manager === 'systemd') {
    // It answers for every name, known or not: an error is the manager's own, and is told in its words.
    const status = async (): Promise<ServiceReading> =>
      parseSystemctlShow(await outputOf(run, { argv: ['systemctl', 'show', '-p', systemctlProperties, service], deadlineMs: statusDeadlineMs }), service, files.machineUptimeMs())
    return {
      status,
      statusOfAll: async () => [await status()],
      stop: () => said({ argv: ['systemctl', 'stop', service], deadlineMs: stopDeadlineMs }),
      start: () => said({ argv: ['systemctl', 'start', service], deadlineMs: startDeadlineMs }),
      bootObstacle
    }
  }
  const text = async (...names: readonly string[]): Promise<string> => {
    const result = await run({ argv: ['gitlab-ctl', 'status', ...names], deadlineMs: statusDeadlineMs })
    return result.timedOut ? 'gitlab-ctl status did not end in time' : `${result.stdout}\n${result.stderr}`
  }
  const askToStop = (): Promise<string> => said({
    argv: ['gitlab-ctl', 'stop', service],
    // runit waits this long by itself; ours ends a little later, so that its own words are heard.
    env: { SVWAIT: String(Math.max(1, Math.ceil(stopDeadlineMs / 1000))) },
    deadlineMs: stopDeadlineMs + 2000
  })
  return {
    status: async () => gitlabCtlService(await text(service), service),
    statusOfAll: async () => parseGitlabCtl(await text()),
    async stop() {
      const watched = watchEnd(files.servicePath)
      if (watched === undefined) return askToStop()
      try {
        // The first to know: runsv at once, gitlab-ctl up to half a second later, or with why it did not come to it.
        const note = await Promise.race([watched.ended.then(() => ''), askToStop()])
        if (note !== '') return note
        if (mayLive(watched.process)) return `gitlab-ctl stop ${service} ended well, and its process ${watched.process.pid} is still there`
        await logWritten(files.servicePath)
        return ''
      } finally { watched.close() }
    },
    start: () => said({ argv: ['gitlab-ctl', 'start', service], env: { SVWAIT: '30' }, deadlineMs: Math.min(startDeadlineMs, 60_000) }),
    bootObstacle
  }
}

/** The unit that brings Gitaly up at boot: its own, or that of omnibus' supervisor. */
export const gitalyUnit = ({ manager, service }: Pick<HostSettings['gitaly'], 'manager' | 'service'>): string =>
  manager === 'gitlab-ctl' ? 'gitlab-runsvdir.service' : /\.[a-z]+$/.test(service) ? service : `${service}.service`
