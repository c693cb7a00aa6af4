// What the next boot will bring, and what stands in its way, from the files of /boot. Pure. An expectation that cannot be
// proven is no expectation: it must not fail a healthy node, and the reason is told instead.
// Containers have no kernel of their own: there is nothing to check in them, and nothing of this can be proven there.
import { type BootEntry, defaultEntry, kernelsIn } from './boot-default.ts'
import { compareVersions } from './debian-version.ts'
import type { GrubFiles } from './grub-menu.ts'

export interface BootFile {
  readonly name: string
  /** Links followed; -1 = the link leads nowhere. */
  readonly size: number
  /** Of a link: the name of the file that it leads to. */
  readonly target?: string
}

export interface BootReading {
  /** In /boot. */
  readonly files: readonly BootFile[]
  /** vmlinuz and initrd.img in /, where a menu may name them. */
  readonly rootLinks: readonly BootFile[]
  /** undefined = GRUB is not installed here. */
  readonly grub: { readonly config: string | undefined, readonly environment: string | undefined, readonly custom: string | undefined } | undefined
  /** Entries of systemd-boot. */
  readonly loaderEntries: readonly string[]
  /** Directories with something in them under /lib/modules. */
  readonly modules: readonly string[]
  /** What /etc/systemd/system/default.target leads to; undefined = the distribution's. */
  readonly defaultTarget: string | undefined
  /** The link that makes the next boot one of offline updates: systemd.offline-updates(7); undefined = none. */
  readonly systemUpdate?: string | undefined
}

/** The version that `uname -r` shall print after the boot, or why none can be named. */
export type ExpectedKernel = { readonly version: string } | { readonly unknown: string }

export function expectedKernel(boot: BootReading): ExpectedKernel {
  const newest = newestKernel(boot)
  if (newest === undefined && boot.grub?.config === undefined) return { unknown: 'no kernel in /boot (a container?): none is expected' }
  const files = grubFiles(boot)
  const entry = files === undefined ? { unknown: boot.loaderEntries.length > 0 ? 'systemd-boot chooses the kernel, and its default is not read' : 'no boot loader\'s menu was found' } : defaultEntry(files)
  if ('unknown' in entry) return { unknown: `${entry.unknown}; the newest kernel is ${newest ?? '(none)'}` }
  const version = versionOf(fileAt(boot, entry.linux)?.target ?? entry.linux)
  return version === undefined ? { unknown: `the default menu entry boots ${entry.linux}, which tells no version` } : { version }
}

/** The newest of all flavours in /boot; undefined when there is none, as in containers. */
export function newestKernel({ files, modules }: Pick<BootReading, 'files' | 'modules'>): string | undefined {
  const versions = files.flatMap(({ name, target }) => target === undefined ? versionOf(name) ?? [] : []).sort(compareVersions)
  // An image without modules is a leftover, unless none has any: then they are what is missing.
  return versions.findLast((version) => modules.includes(version)) ?? versions.at(-1)
}

/** Nothing when the boot loader finds what it starts. */
export function bootProblems(boot: BootReading): readonly string[] {
  const newest = newestKernel(boot)
  if (newest === undefined && boot.grub?.config === undefined) return []
  const files = grubFiles(boot)
  const entry = files === undefined ? undefined : defaultEntry(files)
  const wanted: BootEntry = entry === undefined || 'unknown' in entry ? newestEntry(newest ?? '') : entry
  const version = versionOf(fileAt(boot, wanted.linux)?.target ?? wanted.linux)
  return [
    ...menuProblems(boot, newest),
    ...[wanted.linux, ...wanted.initrds].flatMap((path) => fileProblem(boot, path)),
    ...version === undefined || boot.modules.includes(version) ? [] : [`/lib/modules/${version} is missing or empty: kernel ${version} would find no drivers`]
  ]
}

function menuProblems({ grub, files, rootLinks, loaderEntries }: BootReading, newest: string | undefined): readonly string[] {
  if (grub === undefined) return []
  if (grub.config === undefined) return loaderEntries.length > 0 ? [] : ['/boot/grub/grub.cfg is missing: update-grub did not run']
  if (grub.config.trim() === '') return ['/boot/grub/grub.cfg is empty']
  if (newest === undefined) return []
  const named = kernelsIn(grub.config).map((path) => baseName(path))
  const known = named.some((name) => versionOf([...files, ...rootLinks].find((file) => file.name === name)?.target ?? name) === newest)
  // Modification times tell nothing: dpkg gives a kernel image the time at which it was built.
  return known ? [] : [`/boot/grub/grub.cfg does not know kernel ${newest}: update-grub did not run since it was installed`]
}

function fileProblem(boot: BootReading, path: string): readonly string[] {
  const file = fileAt(boot, path)
  const name = `${boot.rootLinks.some((link) => link === file) ? '' : '/boot'}/${baseName(path)}`
  if (file === undefined) return [`${name} is missing`]
  if (file.size < 0) return [`${name} is a link to nothing`]
  return file.size === 0 ? [`${name} is empty`] : []
}

/** A host that comes up in a rescue shell, or in nothing, serves nobody. */
export const targetProblems = ({ defaultTarget, systemUpdate }: Pick<BootReading, 'defaultTarget' | 'systemUpdate'>): readonly string[] => [
  ...systemUpdate === undefined ? [] : [`${systemUpdate} exists: the next boot installs offline updates instead of starting Gitaly, and boots again; let it, or: rm ${systemUpdate}`],
  ...defaultTarget !== undefined && /^(?:null|(?:rescue|emergency|reboot|poweroff|halt|kexec|exit|shutdown|initrd)\.target)$/.test(defaultTarget)
    ? [`/etc/systemd/system/default.target leads to ${defaultTarget}: systemctl set-default multi-user.target`] : []
]

const newestEntry = (version: string): BootEntry => ({ title: '', linux: `/boot/vmlinuz-${version}`, initrds: [`/boot/initrd.img-${version}`] })

const grubFiles = ({ grub }: BootReading): GrubFiles | undefined =>
  grub?.config === undefined ? undefined : { config: grub.config, environment: grub.environment, custom: grub.custom }

/** GRUB's paths begin at the file system that it reads: "/vmlinuz-6.1" with a /boot of its own, "/boot/vmlinuz-6.1" without. */
const fileAt = ({ files, rootLinks }: BootReading, path: string): BootFile | undefined =>
  files.find(({ name }) => name === baseName(path)) ?? rootLinks.find(({ name }) => name === baseName(path))

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

const versionOf = (path: string): string | undefined => {
  const name = baseName(path)
  return /\.(?:old|bak|orig|save?|tmp|new|signed|unsigned|sig|dpkg-\w+)$|~$/.test(name) ? undefined : /^vmlinu[xz]-(.+)$/.exec(name)?.[1]
}
