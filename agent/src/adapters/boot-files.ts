// What the next boot finds on the disk: /boot, GRUB's menu and memory, modules, the default target. Under the configured
// root. Decides nothing (domain/boot-check does); throws what the file system throws, except for what is not there.
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { BootFile, BootReading } from '../domain/boot-check.ts'

const missing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

/** A package that installs the boot loader; of one that was removed without its settings dpkg keeps no postinst. */
const grubPackage = /^grub-(?:pc|efi-(?:amd64|arm64|ia32|arm|riscv64)|ieee1275|xen|coreboot)\.postinst$/

export function readBoot(root: string): BootReading {
  const at = (path: string): string => join(root, path)
  const text = (path: string): string | undefined => ifThere(() => readFileSync(at(path), 'utf8'))
  const names = (path: string): readonly string[] => ifThere(() => readdirSync(at(path))) ?? []
  return {
    files: names('/boot').flatMap((name) => bootFile(at('/boot'), name) ?? []),
    rootLinks: ['vmlinuz', 'initrd.img'].flatMap((name) => bootFile(at('/'), name) ?? []),
    grub: existsSync(at('/boot/grub/grub.cfg')) || names('/var/lib/dpkg/info').some((name) => grubPackage.test(name))
      ? { config: text('/boot/grub/grub.cfg'), environment: text('/boot/grub/grubenv'), custom: text('/boot/grub/custom.cfg') } : undefined,
    loaderEntries: ['/boot/loader/entries', '/efi/loader/entries', '/boot/efi/loader/entries'].flatMap(names).filter((name) => name.endsWith('.conf')),
    modules: names('/lib/modules').filter((name) => names(`/lib/modules/${name}`).length > 0),
    systemUpdate: ['/system-update', '/etc/system-update'].find((path) => ifThere(() => lstatSync(at(path))) !== undefined),
    defaultTarget: linkName(at('/etc/systemd/system/default.target'))
  }
}

/** Directories are no boot files. */
function bootFile(directory: string, name: string): BootFile | undefined {
  const path = join(directory, name)
  const isLink = ifThere(() => lstatSync(path).isSymbolicLink())
  if (isLink === undefined) return undefined
  if (!isLink) return ifThere(() => { const file = statSync(path); return file.isDirectory() ? undefined : { name, size: file.size } })
  return ifThere(() => ({ name, size: statSync(path).size, target: basename(realpathSync(path)) })) ?? { name, size: -1, target: basename(readlinkSync(path)) }
}

function linkName(path: string): string | undefined {
  try { return basename(readlinkSync(path)) } catch (error) {
    // A file in the link's place is a unit of its own.
    if (missing(error) || (error as NodeJS.ErrnoException).code === 'EINVAL') return undefined
    throw error
  }
}

function ifThere<T>(read: () => T): T | undefined {
  try { return read() } catch (error) {
    if (missing(error)) return undefined
    throw error
  }
}
