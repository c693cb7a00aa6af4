// Truth that the host keeps in files: /proc, /run, /boot, /etc. Every path stands under the configured root.
// Used by agent and units alike: imports nothing heavy, caches nothing, throws what the file system throws.
import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import type { FreeSpace } from '../domain/veto.ts'
import type { HostFiles, HostSettings } from '../ports.ts'
import { readBoot } from './boot-files.ts'
import { dpkgLockHolder, unfinishedDpkgWrites } from './dpkg-files.ts'
import { hooksOf } from './hooks.ts'
import { readMounts } from './mounts.ts'

/** A kernel with its headers is some 30 000 files; a reboot and everyday packages need far fewer. */
const packageInodes = 10_000
const bootInodes = 16
const defaultGitalyConfig = '/var/opt/gitlab/gitaly/config.toml'

const missing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

export function hostFiles(settings: HostSettings): HostFiles {
  const at = (path: string): string => join(settings.root, path)
  const text = (path: string): string => readFileSync(at(path), 'utf8').trim()
  const optional = (path: string): string | undefined => {
    try { return text(path) } catch (error) {
      if (missing(error)) return undefined
      throw error
    }
  }
  const space = (path: string, needed: number, neededInodes: number): FreeSpace => {
    const { bavail, bsize, files, ffree } = statfsSync(at(path))
    // File systems that make inodes as they go have none to run out of.
    return { path, free: bavail * bsize, needed, ...files > 0 ? { inodes: { free: ffree, needed: neededInodes } } : {} }
  }
  let firstUptime: { readonly uptimeMs: number, readonly at: number } | undefined
  const machineUptimeMs = (): number => {
    const read = Math.round(Number.parseFloat(text('/proc/uptime')) * 1000)
    if (!Number.isFinite(read)) throw new Fault('INTERNAL', '/proc/uptime holds no number')
    firstUptime ??= { uptimeMs: read, at: performance.now() }
    // A host whose /proc is only a picture of one does not count by itself.
    return Math.max(read, Math.round(firstUptime.uptimeMs + performance.now() - firstUptime.at))
  }
  return {
    bootId: () => {
      const id = text('/proc/sys/kernel/random/boot_id')
      if (id === '') throw new Fault('INTERNAL', 'the boot id is empty')
      return id
    },
    uptimeMs: () => {
      const machine = machineUptimeMs()
      // In a container /proc/uptime is the machine's; the host's boot is the start of its PID 1, on a machine of its own 0.
      const startedMs = startOfPid1Ms(optional('/proc/1/stat'))
      return machine >= startedMs ? machine - startedMs : machine
    },
    machineUptimeMs,
    kernel: () => text('/proc/sys/kernel/osrelease'),
    disabled: () => optional('/etc/pitstop/disabled')?.slice(0, 500),
    downFile: () => {
      const path = `/opt/gitlab/sv/${settings.gitaly.service}/down`
      return existsSync(at(path)) ? path : undefined
    },
    boot: () => readBoot(settings.root),
    mounts: () => readMounts(settings.root, settings.gitaly.config ?? defaultGitalyConfig),
    freeSpace: () => [
      space('/', settings.apt.minimumFreeBytes, packageInodes),
      ...existsSync(at('/var')) ? [space('/var', settings.apt.minimumFreeBytes, packageInodes)] : [],
      ...existsSync(at('/boot')) ? [space('/boot', settings.apt.minimumFreeBootBytes, bootInodes)] : []
    ],
    hookProblems: () => hooksOf(settings).readAll().flatMap(({ problems }) => problems),
    dpkgLockHolder: () => dpkgLockHolder(settings.root),
    unfinishedDpkgWrites: () => unfinishedDpkgWrites(settings.root),
    scheduledShutdownFile: () => existsSync(at('/run/systemd/shutdown/scheduled')),
    // Beside each inhibitor lies the pipe that ends it.
    inhibitorFiles: () => existsSync(at('/run/systemd/inhibit')) && readdirSync(at('/run/systemd/inhibit')).some((name) => !name.endsWith('.ref')),
    packagesStamp: () => {
      const status = statSync(at('/var/lib/dpkg/status'), { throwIfNoEntry: false })
      return status === undefined ? '' : `${status.ino} ${status.mtimeMs}`
    },
    rebootRequired: () => existsSync(at('/run/reboot-required'))
      ? [...new Set((optional('/run/reboot-required.pkgs') ?? '').split('\n').filter((line) => line !== ''))]
      : undefined,
    osRelease: () => new Map((optional('/etc/os-release') ?? '').split('\n').flatMap((line) => {
      const [, key, value] = /^([A-Z_]+)="?([^"]*)"?$/.exec(line.trim()) ?? []
      return key === undefined ? [] : [[key, value ?? ''] as const]
    })),
    servicePath: at(`/opt/gitlab/sv/${settings.gitaly.service}`),
    logPath: at(settings.gitaly.log)
  }
}

/** Field 22 of /proc/PID/stat, in hundredths of a second; the name in field 2 may hold anything. */
function startOfPid1Ms(stat: string | undefined): number {
  const ticks = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 0)
  return Number.isFinite(ticks) ? ticks * 10 : 0
}
