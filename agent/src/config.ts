// The agent's configuration: YAML keys in, domain settings out. All problems are told at once by shared/configuration.
// Reads one file; nothing else here touches the world.
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { duration, fleetName, gitalyAddress, hostPort, nodeName, readConfiguration } from '@pitstop/shared/configuration'
import { Fault } from '@pitstop/shared/fault'
import type { HostSettings } from './ports.ts'

export const defaultConfigurationFile = '/etc/pitstop/agent.yml'
/** Where the host's commands are. */
export const defaultCommandPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

const path = v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))
const mustBeList = 'must be a list'
const bytes = v.pipe(v.number('must be a number of bytes'), v.integer(), v.minValue(0))

const schema = v.strictObject({
  fleet: fleetName,
  node: nodeName,
  listen: hostPort,
  coordinators: v.optional(v.array(hostPort, mustBeList), []),
  tls: v.strictObject({ certificate: path, key: path, authority: path }),
  state: v.optional(path, '/var/lib/pitstop-agent'),
  host: v.optional(v.strictObject({
    root: v.optional(path, '/'),
    path: v.optional(v.pipe(v.array(path, mustBeList), v.minLength(1)), defaultCommandPath)
  }), {}),
  gitaly: v.strictObject({
    'service-manager': v.optional(v.picklist(['gitlab-ctl', 'systemd'], 'must be gitlab-ctl or systemd'), 'gitlab-ctl'),
    'service': v.optional(v.pipe(v.string(), v.regex(/^[a-zA-Z0-9][\w@.-]*$/, 'must be a service name')), 'gitaly'),
    'address': gitalyAddress,
    'authority': v.optional(path),
    'server-name': v.optional(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
    'token-file': v.optional(path),
    'metrics': v.optional(v.union([v.literal('off'), hostPort], 'must be host:port or off'), 'localhost:9236'),
    'config': v.optional(path, '/var/opt/gitlab/gitaly/config.toml'),
    'log': v.optional(path, '/var/log/gitlab/gitaly/current'),
    'stop-deadline': v.optional(duration, '70s'),
    'start-deadline': v.optional(duration, '5m'),
    'health-interval': v.optional(duration, '250ms')
  }),
  apt: v.optional(v.strictObject({
    'lock-timeout': v.optional(duration, '60s'),
    'deadline': v.optional(duration, '30m'),
    'exclude': v.optional(v.array(v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9+.-]*$/, 'must be a package name')), mustBeList), ['gitlab-ee', 'gitlab-ce', 'pitstop-agent']),
    'minimum-free-bytes': v.optional(bytes, 536_870_912),
    'minimum-free-boot-bytes': v.optional(bytes, 67_108_864)
  }), {}),
  reboot: v.optional(v.strictObject({ policy: v.optional(v.picklist(['if-needed', 'always'], 'must be if-needed or always'), 'always') }), {}),
  mode: v.optional(v.picklist(['act', 'observe'], 'must be act or observe'), 'act'),
  hooks: v.optional(v.strictObject({
    'directory': v.optional(path, '/etc/pitstop/hooks.d'),
    'deadline': v.optional(duration, '60s'),
    'undo-after': v.optional(duration, '2h')
  }), {}),
  report: v.optional(v.strictObject({
    'first-delay': v.optional(duration, '0ms'),
    'maximum-delay': v.optional(duration, '30s')
  }), {}),
  clock: v.optional(v.strictObject({ 'maximum-offset': v.optional(duration, '5s') }), {})
})

export interface Settings {
  readonly file: string
  readonly fleet: string
  readonly node: string
  readonly listen: string
  readonly coordinators: readonly string[]
  readonly tls: { readonly certificate: string, readonly key: string, readonly authority: string }
  readonly state: string
  /** What the units need too; plain data, so that it can be handed to them as JSON. */
  readonly host: HostSettings
  readonly report: { readonly firstDelayMs: number, readonly maximumDelayMs: number }
}

/** @throws Fault INVALID_CONFIGURATION with all problems. */
export function parseSettings(file: string, text: string): Settings {
  const input = readConfiguration(file, text, schema)
  return {
    file,
    fleet: input.fleet,
    node: input.node,
    listen: input.listen,
    coordinators: input.coordinators,
    tls: input.tls,
    state: input.state,
    host: {
      root: input.host.root,
      path: input.host.path,
      gitaly: {
        manager: input.gitaly['service-manager'],
        service: input.gitaly.service,
        address: input.gitaly.address,
        ...input.gitaly.authority === undefined ? {} : { authority: input.gitaly.authority },
        ...input.gitaly['server-name'] === undefined ? {} : { serverName: input.gitaly['server-name'] },
        ...input.gitaly['token-file'] === undefined ? {} : { tokenFile: input.gitaly['token-file'] },
        ...input.gitaly.metrics === 'off' ? {} : { metrics: input.gitaly.metrics },
        config: input.gitaly.config,
        log: input.gitaly.log,
        stopDeadlineMs: input.gitaly['stop-deadline'],
        startDeadlineMs: input.gitaly['start-deadline'],
        healthIntervalMs: Math.max(20, input.gitaly['health-interval'])
      },
      apt: {
        lockTimeoutMs: input.apt['lock-timeout'],
        deadlineMs: input.apt.deadline,
        exclude: input.apt.exclude,
        minimumFreeBytes: input.apt['minimum-free-bytes'],
        minimumFreeBootBytes: input.apt['minimum-free-boot-bytes']
      },
      rebootPolicy: input.reboot.policy,
      mode: input.mode,
      hooks: { directory: input.hooks.directory, deadlineMs: input.hooks.deadline, undoAfterMs: input.hooks['undo-after'] },
      maximumClockOffsetMs: input.clock['maximum-offset']
    },
    report: { firstDelayMs: input.report['first-delay'], maximumDelayMs: input.report['maximum-delay'] }
  }
}

export function loadSettings(file: string): Settings {
  let text: string
  try { text = readFileSync(file, 'utf8') } catch (error) {
    throw new Fault('INVALID_CONFIGURATION', `${file} cannot be read`, { hint: 'name another file with --config, or write one: pitstop-agent init', cause: error })
  }
  return parseSettings(file, text)
}
