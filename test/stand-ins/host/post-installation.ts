// What packages do to a stand-in host when they are configured, and which kernels that left in /boot.
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { compareVersions } from './debian-version.ts'
import { at } from './host-layout.ts'
import { changePackage, readDatabase, readLists } from './package-database.ts'

/** The post-installation script: a kernel gets its files in /boot and asks for a reboot. @returns what it prints. */
export function configure(root: string, name: string): string[] {
  const said: string[] = []
  const { version = '' } = readDatabase(root).packages[name] ?? {}
  const kernel = /^linux-image-(\d.*)$/.exec(name)?.[1]
  if (kernel !== undefined) {
    mkdirSync(at(root, 'boot'), { recursive: true })
    writeFileSync(`${at(root, 'boot')}/vmlinuz-${kernel}`, `kernel ${kernel} ${version}\n`)
    said.push(`I: /initrd.img is now a symlink to boot/initrd.img-${kernel}`)
    writeFileSync(`${at(root, 'boot')}/initrd.img-${kernel}`, `initrd ${kernel} ${version}\n`)
  }
  const asks = readLists(root).some((entry) => entry.name === name && entry.version === version && entry.rebootRequired === true)
  if (kernel !== undefined || asks) {
    writeFileSync(at(root, 'rebootRequired'), '*** System restart required ***\n')
    appendFileSync(`${at(root, 'rebootRequired')}.pkgs`, `${name}\n`)
  }
  changePackage(root, name, { state: 'installed' })
  return said
}

export const kernelsIn = (root: string): string[] =>
  (existsSync(at(root, 'boot')) ? readdirSync(at(root, 'boot')) : []).filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => name.slice('vmlinuz-'.length)).sort(compareVersions)
