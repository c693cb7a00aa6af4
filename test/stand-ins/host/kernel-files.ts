// A kernel as its package leaves it on a stand-in host: image, initrd and modules, and GRUB's menu written anew by
// update-grub. The menu is 10_linux' of Debian 12, less graphics and modules of GRUB: newest first, older ones in the
// submenu, the default from grubenv or entry 0.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { compareVersions } from './debian-version.ts'
import { at } from './host-layout.ts'

const disk = '0e623fe9-9cf6-4d0b-9a4e-3f7c7d1c8b21'

export function installKernel(root: string, kernel: string, version: string): void {
  const place = (path: string, text: string): void => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  place(`${at(root, 'boot')}/vmlinuz-${kernel}`, `kernel ${kernel} ${version}\n`)
  place(`${root}/lib/modules/${kernel}/modules.dep`, '')
  place(`${at(root, 'boot')}/initrd.img-${kernel}`, `initrd ${kernel} ${version}\n`)
  place(`${at(root, 'boot')}/grub/grub.cfg`, menu(kernelsIn(root).toReversed()))
}

/** Oldest first. */
export const kernelsIn = (root: string): string[] =>
  (existsSync(at(root, 'boot')) ? readdirSync(at(root, 'boot')) : []).filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => name.slice('vmlinuz-'.length)).sort(compareVersions)

function menu(kernels: readonly string[]): string {
  const entry = (title: string, id: string, kernel: string): string => `menuentry '${title}' --class debian --class gnu-linux --class gnu --class os $menuentry_id_option '${id}-${disk}' {
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	search --no-floppy --fs-uuid --set=root ${disk}
	echo	'Loading Linux ${kernel} ...'
	linux	/boot/vmlinuz-${kernel} root=UUID=${disk} ro  quiet
	echo	'Loading initial ramdisk ...'
	initrd	/boot/initrd.img-${kernel}
}
`
  return `### BEGIN /etc/grub.d/00_header ###
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "\${next_entry}" ] ; then
   set default="\${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
### BEGIN /etc/grub.d/10_linux ###
${entry('Debian GNU/Linux', 'gnulinux-simple', kernels[0] ?? '')}submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-${disk}' {
${kernels.map((kernel) => entry(`Debian GNU/Linux, with Linux ${kernel}`, `gnulinux-${kernel}-advanced`, kernel)).join('')}}
`
}
