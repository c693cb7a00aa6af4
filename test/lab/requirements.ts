// What the lab needs of this machine, each missing part by name. Looks, changes nothing.
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { attempt } from './command.ts'

/** Program and the Debian package that brings it. */
const programs: Readonly<Record<string, string>> = {
  'systemd-nspawn': 'systemd-container',
  'mmdebstrap': 'mmdebstrap',
  'apt-ftparchive': 'apt-utils',
  'dpkg-deb': 'dpkg',
  'ip': 'iproute2',
  'unshare': 'util-linux'
}

/** Empty = the lab can run here. */
export async function missingForLab(): Promise<readonly string[]> {
  if (process.getuid?.() !== 0) return ['root']
  const missing = Object.entries(programs).filter(([program]) => !isOnPath(program)).map(([program, debian]) => `${program} (apt-get install ${debian})`)
  if (missing.length > 0) return missing
  // Containers of some CI systems have all programs and may not use them.
  const tried = await attempt(['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', 'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip link add lab type bridge && ip netns add lab'])
  return tried.exit === 0 ? [] : [`namespaces, bridges and mounts (${tried.stderr.trim().split('\n').at(-1) ?? 'refused'})`]
}

function isOnPath(program: string): boolean {
  return [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch { return false }
  })
}
