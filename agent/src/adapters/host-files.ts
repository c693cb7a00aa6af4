// Truth that the host keeps in files: /proc, /run, /boot, /etc. Every path stands under the configured root.
// Used by agent and units alike: imports nothing heavy, caches nothing, throws what the file system throws.
import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import type { HostFiles, HostSettings } from '../ports.ts'

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
  const free = (path: string): number => {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  }
  let firstUptime: { readonly uptimeMs: number, readonly at: number } | undefined
  return {
    bootId: () => {
      const id = text('/proc/sys/kernel/random/boot_id')
      if (id === '') throw new Fault('INTERNAL', 'the boot id is empty')
      return id
    },
    uptimeMs: () => {
      const read = Math.round(Number.parseFloat(text('/proc/uptime')) * 1000)
      if (!Number.isFinite(read)) throw new Fault('INTERNAL', '/proc/uptime holds no number')
      firstUptime ??= { uptimeMs: read, at: performance.now() }
      // A host whose /proc is only a picture of one does not count by itself.
      return Math.max(read, Math.round(firstUptime.uptimeMs + performance.now() - firstUptime.at))
    },
    kernel: () => text('/proc/sys/kernel/osrelease'),
    disabled: () => optional('/etc/pitstop/disabled')?.slice(0, 500),
    downFile: () => {
      const path = `/opt/gitlab/sv/${settings.gitaly.service}/down`
      return existsSync(at(path)) ? path : undefined
    },
    bootFiles: () => {
      try {
        return readdirSync(at('/boot')).flatMap((name) => {
          try { return { name, size: statSync(at(`/boot/${name}`)).size } } catch { return [] }
        })
      } catch (error) {
        if (missing(error)) return []
        throw error
      }
    },
    freeSpace: () => [
      { path: '/', free: free(settings.root), needed: settings.apt.minimumFreeBytes },
      ...existsSync(at('/var')) ? [{ path: '/var', free: free(at('/var')), needed: settings.apt.minimumFreeBytes }] : [],
      ...existsSync(at('/boot')) ? [{ path: '/boot', free: free(at('/boot')), needed: settings.apt.minimumFreeBootBytes }] : []
    ],
    scheduledShutdownFile: () => existsSync(at('/run/systemd/shutdown/scheduled')),
    rebootRequired: () => existsSync(at('/run/reboot-required'))
      ? [...new Set((optional('/run/reboot-required.pkgs') ?? '').split('\n').filter((line) => line !== ''))]
      : undefined,
    osRelease: () => new Map((optional('/etc/os-release') ?? '').split('\n').flatMap((line) => {
      const [, key, value] = /^([A-Z_]+)="?([^"]*)"?$/.exec(line.trim()) ?? []
      return key === undefined ? [] : [[key, value ?? ''] as const]
    })),
    logPath: at(settings.gitaly.log)
  }
}
