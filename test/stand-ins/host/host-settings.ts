// From a host's options to its files: the machine's settings and the agent's configuration, defaults filled in.
import { join } from 'node:path'
import type { HostOptions } from './host-options.ts'
import { at, type GitalySettings, type MachineSettings } from './host-layout.ts'

export interface Addresses {
  /** host:port each */
  readonly agent: string
  readonly gitaly: string
  readonly metrics: string
}

const repository = new URL('../../../', import.meta.url).pathname

export function machineSettings(root: string, options: HostOptions, addresses: Addresses): MachineSettings {
  const gitaly: GitalySettings = {
    listen: addresses.gitaly,
    metrics: addresses.metrics,
    storages: options.storages.map((storage) => (typeof storage === 'string' ? { name: storage, path: `/var/opt/gitlab/git-data/${storage}` } : storage)),
    startMs: options.gitalyStartMs ?? 300,
    release: '18.5.1',
    wrapper: false,
    logLevel: 'info',
    gracefulMs: 60_000,
    ...options.overrides?.gitaly
  }
  return {
    node: options.node,
    address: options.address,
    agent: options.agent?.argv ?? [`${repository}agent/bin/pitstop-agent`, '--config', at(root, 'agentConfiguration'), 'serve'],
    firmwareMs: 50,
    rebootMs: options.rebootMs ?? 1500,
    runsvdirDelayMs: 100,
    shutdownGraceMs: 5000,
    agentRestartMs: 100,
    timerSlackMs: 500,
    finishMs: 0,
    aptMs: options.aptMs ?? 600,
    architecture: 'amd64',
    svlogd: { size: 200 * 1024 * 1024, keep: 30 },
    ...options.overrides?.machine,
    gitaly
  }
}

export function agentConfiguration(root: string, options: HostOptions, addresses: Addresses, { gitaly }: MachineSettings): Record<string, unknown> {
  const configuration: Record<string, unknown> = {
    fleet: options.fleet,
    node: options.node,
    listen: addresses.agent,
    coordinators: options.coordinators,
    tls: { certificate: options.tls.certificate, key: options.tls.key, authority: options.tls.authority },
    state: join(root, 'var/lib/pitstop-agent'),
    host: { root, path: [join(root, 'bin')] },
    gitaly: {
      'service-manager': 'gitlab-ctl',
      'service': 'gitaly',
      'address': addresses.gitaly,
      'metrics': addresses.metrics,
      'log': '/var/log/gitlab/gitaly/current',
      'stop-deadline': '10s',
      'start-deadline': '30s',
      'health-interval': '100ms',
      ...gitaly.tokenFile === undefined ? {} : { 'token-file': gitaly.tokenFile }
    },
    apt: { 'lock-timeout': '5s', 'deadline': '60s', 'exclude': ['gitlab-ee', 'gitlab-ce', 'pitstop-agent'], 'minimum-free-bytes': 0, 'minimum-free-boot-bytes': 0 },
    reboot: { policy: 'always' },
    report: { 'first-delay': '0ms', 'maximum-delay': '2s' }
  }
  for (const [key, value] of Object.entries(options.overrides?.configuration ?? {})) {
    const before = configuration[key]
    configuration[key] = isSection(before) && isSection(value) ? { ...before, ...value } : value
  }
  return configuration
}

const isSection = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
