// Would the mounts of /etc/fstab come up again at the next boot? Pure. A device that is not there, or a local file system
// that nobody has mounted, ends the boot in emergency mode (local-fs.target); Gitaly's data on a mount that fstab does not
// know would be an empty directory afterwards. Judged as systemd-fstab-generator(8) does.

export interface FstabEntry {
  readonly source: string
  readonly target: string
  readonly type: string
  readonly options: readonly string[]
}

/** One line of /proc/self/mountinfo. */
export interface Mount {
  readonly target: string
  readonly type: string
  /** MAJOR:MINOR; 0:x for file systems without one device. */
  readonly device: string
  readonly source: string
  readonly readOnly: boolean
}

/** An entry of fstab with what the host says about it. */
export interface MountFacts {
  readonly entry: FstabEntry
  /** Where its target really lies, links followed. */
  readonly target: string
  /** The source as a path (UUID=… by its link); undefined = no device and no bind. */
  readonly sourcePath: string | undefined
  readonly sourceExists: boolean
  /** MAJOR:MINOR of a block device, else undefined. */
  readonly device: string | undefined
}

export interface MountReading {
  readonly entries: readonly MountFacts[]
  readonly mounts: readonly Mount[]
  /** Paths of Gitaly's storages, links followed; empty = not known. */
  readonly storagePaths: readonly string[]
  /** Mount points with a unit file of their own. */
  readonly mountUnits: readonly string[]
}

/** Fields are separated by blanks; a blank within is \040. Lines that mount(8) would not understand are left out. */
export const parseFstab = (text: string): readonly FstabEntry[] => text.split('\n').flatMap((line) => {
  const [source, target, type, options = 'defaults'] = line.trim().split(/\s+/)
  if (source === undefined || source.startsWith('#') || target === undefined || type === undefined) return []
  return [{ source: unescapeBlanks(source), target: unescapeBlanks(target), type, options: options.split(',') }]
})

export const parseMountInfo = (text: string): readonly Mount[] => text.split('\n').flatMap((line) => {
  const [before = '', after = ''] = line.split(' - ')
  const [, , device, , target, options = ''] = before.split(' ')
  const [type, source, superOptions = ''] = after.split(' ')
  if (device === undefined || target === undefined || type === undefined || source === undefined) return []
  return [{ device, target: unescapeBlanks(target), type, source: unescapeBlanks(source), readOnly: [...options.split(','), ...superOptions.split(',')].includes('ro') }]
})

const unescapeBlanks = (text: string): string => text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

const directories: Readonly<Record<string, string>> = { UUID: 'by-uuid', LABEL: 'by-label', PARTUUID: 'by-partuuid', PARTLABEL: 'by-partlabel', ID: 'by-id' }

/** Where udev has the device; undefined = no device (tmpfs, overlay, network). */
export function sourcePath({ source, options }: FstabEntry): string | undefined {
  const [, tag = '', value = ''] = /^(UUID|LABEL|PARTUUID|PARTLABEL|ID)="?([^"]*)"?$/.exec(source) ?? []
  // udev writes what is unusual in a file name as \xHH; UUIDs of vfat and the like keep their case.
  if (tag !== '') return `/dev/disk/${directories[tag]}/${value.replaceAll(/[^\w#+\-.:=@]/g, hexadecimal)}`
  // The kernel's own name for what it mounted as the root: no udev ever makes such a file.
  if (source === '/dev/root') return undefined
  if (source.startsWith('/dev/')) return source
  return isBind({ options }) || isLoop({ options }) ? source : undefined
}

const isBind = ({ options }: Pick<FstabEntry, 'options'>): boolean => options.includes('bind') || options.includes('rbind')
const isLoop = ({ options }: Pick<FstabEntry, 'options'>): boolean => options.some((option) => /^loop(?:=|$)/.test(option))
const networkTypes = /^(?:nfs4?|cifs|smb3|smbfs|ceph|glusterfs|fuse\.(?:glusterfs|sshfs|ceph.*|s3fs)|9p|afs|ocfs2|gfs2|lustre|davfs|ncpfs)$/

/** Nothing when a boot would bring the same mounts. */
export function mountProblems({ entries, mounts, storagePaths, mountUnits }: MountReading): readonly string[] {
  // systemd leaves the devices of fstab alone where /sys is read-only: in containers.
  if (mounts.some(({ target, readOnly }) => target === '/sys' && readOnly)) return []
  return [
    ...entries.filter(({ entry }) => isNeeded(entry)).flatMap((facts) => entryProblems(facts, mounts)),
    ...[...new Set(storagePaths.flatMap((path) => mountOf(path, mounts) ?? []))].flatMap((mount) => persistence(mount, entries, mountUnits))
  ]
}

/** Does local-fs.target need it? Network mounts hold up remote-fs.target alone, and a boot goes on without them. */
function isNeeded(entry: FstabEntry): boolean {
  const { options, target, type } = entry
  return target.startsWith('/') && type !== 'swap' && type !== 'ignore' && (target === '/' || sourcePath(entry) !== undefined) && !networkTypes.test(type)
    && !options.some((option) => /^(?:noauto|nofail|_netdev|x-systemd\.automount)$/.test(option))
}

function entryProblems({ entry, target, sourcePath: path = '', sourceExists, device }: MountFacts, mounts: readonly Mount[]): readonly string[] {
  const line = `/etc/fstab wants ${entry.source} on ${entry.target}`
  // The last one mounted there is the one that shows.
  const mount = mounts.findLast((each) => each.target === target)
  // The root comes from the kernel's command line: its device in fstab holds up nothing.
  if (entry.target !== '/') {
    if (!sourceExists) return [`${line}, and there is no ${path}`]
    if (mount === undefined) return [`${line}, and nothing is mounted there`]
    if (device !== undefined && !mount.device.startsWith('0:') && mount.device !== device) return [`${line}, and ${mount.source} is mounted there now`]
  }
  return mount?.readOnly === true && !entry.options.includes('ro') ? [`${entry.target} is mounted read-only, and /etc/fstab does not say so: the kernel does that after an error`] : []
}

/** The mount that a path lies on, except for the root and what another program mounts again by itself. */
function mountOf(path: string, mounts: readonly Mount[]): string | undefined {
  const over = mounts.filter(({ target }) => target === '/' || path === target || path.startsWith(`${target}/`))
  const mount = over.reduce<Mount | undefined>((longest, each) => longest === undefined || each.target.length >= longest.target.length ? each : longest, undefined)
  return mount === undefined || mount.target === '/' || mount.type === 'zfs' || mount.type === 'autofs' ? undefined : mount.target
}

function persistence(target: string, entries: readonly MountFacts[], units: readonly string[]): readonly string[] {
  const known = units.includes(target) || entries.some((facts) => facts.target === target && !(facts.entry.options.includes('noauto') && !facts.entry.options.includes('x-systemd.automount')))
  return known ? [] : [`Gitaly's data lies on ${target}, which neither /etc/fstab nor a mount unit mounts at boot`]
}

/** The mount unit of a path: systemd-escape(1) --path. */
export const mountUnitName = (path: string): string => `${path.replaceAll(/^\/+|\/+$/g, '').split(/\/+/)
  .map((part, index) => part.replaceAll(index === 0 ? /^\.|[^\w:.]/g : /[^\w:.]/g, hexadecimal)).join('-') || '-'}.mount`

const hexadecimal = (one: string): string => [...Buffer.from(one)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
