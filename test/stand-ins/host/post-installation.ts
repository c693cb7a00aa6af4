// What packages do to a stand-in host when they are configured.
import { appendFileSync, writeFileSync } from 'node:fs'
import { at } from './host-layout.ts'
import { installKernel } from './kernel-files.ts'
import { readJson } from './durable-file.ts'
import { type AvailablePackage, changePackage, readDatabase, readLists } from './package-database.ts'

/** The post-installation script: a kernel gets its files in /boot and asks for a reboot. @returns what it prints. */
export function configure(root: string, name: string): string[] {
  const said: string[] = []
  const { version = '' } = readDatabase(root).packages[name] ?? {}
  const kernel = /^linux-image-(\d.*)$/.exec(name)?.[1]
  if (kernel !== undefined) {
    installKernel(root, kernel, version)
    said.push(`I: /initrd.img is now a symlink to boot/initrd.img-${kernel}`)
  }
  const asks = [...readJson<AvailablePackage[]>(at(root, 'repository'), []), ...readLists(root)].some((entry) => entry.name === name && entry.version === version && entry.rebootRequired === true)
  if (kernel !== undefined || asks) {
    writeFileSync(at(root, 'rebootRequired'), '*** System restart required ***\n')
    appendFileSync(`${at(root, 'rebootRequired')}.pkgs`, `${name}\n`)
  }
  changePackage(root, name, { state: 'installed' })
  return said
}
