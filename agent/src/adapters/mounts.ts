// What /etc/fstab wants and what is mounted, with the facts that tell whether a boot would bring the same: under the
// configured root. Decides nothing (domain/fstab does). Throws when the host cannot be read; a host without fstab has none.
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type MountReading, mountUnitName, parseFstab, parseMountInfo, sourcePath } from '../domain/fstab.ts'
import { storagePaths } from '../domain/gitaly-config.ts'

const unitFolders = ['/etc/systemd/system', '/run/systemd/generator', '/run/systemd/generator.late', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']

/** @param gitalyConfig where Gitaly's own configuration lies; it alone knows the paths of the storages. */
export function readMounts(root: string, gitalyConfig: string): MountReading {
  const at = (path: string): string => join(root, path)
  const entries = parseFstab(ifThere(() => readFileSync(at('/etc/fstab'), 'utf8')) ?? '').map((entry) => {
    const path = sourcePath(entry)
    return { entry, target: real(root, entry.target), sourcePath: path, sourceExists: path !== undefined && existsSync(at(path)), device: path === undefined ? undefined : blockDevice(at(path)) }
  })
  const storages = storagePaths(ifThere(() => readFileSync(at(gitalyConfig), 'utf8')) ?? '').map((path) => real(root, path))
  const wanted = entries.length > 0 || storages.length > 0
  // PID 1's: the service's hardening shows this process every file system read-only.
  const mountInfo = (): string => ifThere(() => readFileSync(at('/proc/1/mountinfo'), 'utf8')) ?? readFileSync(at('/proc/self/mountinfo'), 'utf8')
  const mounts = wanted ? parseMountInfo(mountInfo()) : []
  const ofStorages = mounts.map(({ target }) => target).filter((target) => storages.some((path) => `${path}/`.startsWith(`${target}/`)))
  return {
    entries, mounts, storagePaths: storages,
    mountUnits: ofStorages.filter((target) => unitFolders.some((folder) => existsSync(at(`${folder}/${mountUnitName(target)}`))))
  }
}

/** Links followed, as mountinfo shows it; as it stands when it is not there. */
function real(root: string, path: string): string {
  const found = ifThere(() => realpathSync(join(root, path)))
  if (found === undefined) return path
  return root === '/' ? found : found.slice(realpathSync(root).length) || '/'
}

function blockDevice(path: string): string | undefined {
  const found = ifThere(() => statSync(path, { bigint: true }))
  if (found === undefined || !found.isBlockDevice()) return undefined
  // The kernel's dev_t as glibc packs it.
  const { rdev } = found
  return `${((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)}:${(rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn)}`
}

function ifThere<T>(read: () => T): T | undefined {
  try { return read() } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
