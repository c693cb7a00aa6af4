// Folder trees of real layouts of /boot and /etc, read and judged as the agent does it: Debian 12 with its links in /,
// Ubuntu with flavours, a /boot of its own, a container. They show that the files are found and understood; that a
// machine boots from them no container can prove.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { bootProblems, expectedKernel, targetProblems } from '../domain/boot-check.ts'
import { mountProblems } from '../domain/fstab.ts'
import { storagePaths } from '../domain/gitaly-config.ts'
import { readBoot } from './boot-files.ts'
import { readMounts } from './mounts.ts'

interface Tree { readonly root: string, readonly place: (path: string, text: string) => void, readonly link: (path: string, to: string) => void }

function tree(t: { teardown(undo: () => unknown): void }): Tree {
  const root = mkdtempSync(join(tmpdir(), 'pitstop-boot-'))
  t.teardown(() => { rmSync(root, { recursive: true }) })
  const made = (path: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    return join(root, path)
  }
  return { root, place: (path, text) => { writeFileSync(made(path), text) }, link: (path, to) => { symlinkSync(to, made(path)) } }
}
const menu = (name: string): string => readFileSync(new URL(`../fixtures/boot/${name}.cfg`, import.meta.url), 'utf8')
const install = ({ place }: Tree, ...kernels: string[]): void => {
  for (const kernel of kernels) {
    for (const file of ['vmlinuz', 'initrd.img', 'config', 'System.map']) place(`boot/${file}-${kernel}`, 'x')
    place(`lib/modules/${kernel}/modules.dep`, '')
  }
}

void t.test('Debian 12: grub.cfg, links in /, an initrd that the disk had no room for, modules that were removed', (t) => {
  const host = tree(t)
  install(host, '6.1.0-25-amd64', '6.1.0-28-amd64')
  host.place('boot/grub/grub.cfg', menu('debian-12'))
  host.place('boot/grub/grubenv', '# GRUB Environment Block\n####')
  host.link('vmlinuz', 'boot/vmlinuz-6.1.0-28-amd64')
  host.link('initrd.img', 'boot/initrd.img-6.1.0-28-amd64')
  host.place('boot/efi/EFI/debian/grub.cfg', 'configfile $prefix/grub.cfg\n')
  t.same(expectedKernel(readBoot(host.root)), { version: '6.1.0-28-amd64' })
  t.same(bootProblems(readBoot(host.root)), [])
  host.place('boot/grub/grubenv', '# GRUB Environment Block\nnext_entry=1>2\n####')
  t.same(expectedKernel(readBoot(host.root)), { version: '6.1.0-25-amd64' }, 'grub-reboot')
  host.place('boot/initrd.img-6.1.0-25-amd64', '')
  rmSync(join(host.root, 'lib/modules/6.1.0-25-amd64/modules.dep'))
  t.match(bootProblems(readBoot(host.root)), [/initrd.img-6.1.0-25-amd64 is empty/, /\/lib\/modules\/6.1.0-25-amd64 is missing or empty/])
  host.place('boot/grub/grub.cfg', 'menuentry x {\n linux /vmlinuz root=/dev/sda1\n initrd /initrd.img\n}\n')
  t.same(expectedKernel(readBoot(host.root)), { version: '6.1.0-28-amd64' }, 'by the links of Debian')
  rmSync(join(host.root, 'boot/initrd.img-6.1.0-28-amd64'))
  t.match(bootProblems(readBoot(host.root)), [/\/initrd.img is a link to nothing/])
  t.end()
})

void t.test('Ubuntu 22.04: flavours side by side, and links in /boot', (t) => {
  const host = tree(t)
  install(host, '5.15.0-124-generic', '6.8.0-1018-gcp')
  host.place('etc/default/grub', 'GRUB_DEFAULT=0\n')
  host.place('var/lib/dpkg/info/grub-common.list', '')
  host.place('boot/grub/x', '')
  t.same(bootProblems(readBoot(host.root)), [], 'what other packages bring is no boot loader')
  host.place('var/lib/dpkg/info/grub-pc.postinst', '')
  t.match(bootProblems(readBoot(host.root)), [/grub.cfg is missing/])
  host.place('boot/grub/grub.cfg', menu('ubuntu-22.04-flavour-order'))
  host.link('boot/vmlinuz', 'vmlinuz-5.15.0-124-generic')
  host.link('boot/vmlinuz.old', 'vmlinuz-5.4.0-1-generic')
  t.same(expectedKernel(readBoot(host.root)), { version: '5.15.0-124-generic' })
  t.same(bootProblems(readBoot(host.root)), [], 'a link to an older kernel that is gone is nobody\'s trouble')
  t.end()
})

void t.test('a container has none of this, and a rescue target is found in one too', (t) => {
  const host = tree(t)
  t.same(readBoot(host.root), { files: [], rootLinks: [], grub: undefined, loaderEntries: [], modules: [], systemUpdate: undefined, defaultTarget: undefined })
  host.link('etc/systemd/system/default.target', '/lib/systemd/system/rescue.target')
  host.place('boot/loader/entries/a-6.1.0.conf', 'linux /a/6.1.0/linux\n')
  t.match(readBoot(host.root), { loaderEntries: ['a-6.1.0.conf'], defaultTarget: 'rescue.target' })
  t.match(targetProblems(readBoot(host.root)), [/rescue.target/])
  host.link('etc/system-update', '/var/lib/nowhere')
  t.match(targetProblems(readBoot(host.root)), [/^\/etc\/system-update exists/, /rescue.target/], 'systemd asks for the link, not for what it leads to')
  t.end()
})

const config = `bin_dir = '/opt/gitlab/embedded/bin'
[logging]
dir = '/var/log/gitlab/gitaly'
[[storage]]
name = 'default'
path = '/var/opt/gitlab/git-data/repositories'
[hooks]
custom_hooks_dir = '/x'
  [[storage]]
  name = "second"
  path = "/srv/second"
`

void t.test('mounts: the devices of fstab, links on the way to Gitaly\'s data, and mount units', (t) => {
  const host = tree(t)
  t.same(readMounts(host.root, '/config.toml'), { entries: [], mounts: [], storagePaths: [], mountUnits: [] }, 'a host without fstab has nothing to check')
  t.same(storagePaths(config), ['/var/opt/gitlab/git-data/repositories', '/srv/second'])
  host.place('config.toml', config)
  host.place('etc/fstab', 'UUID=ab / ext4 defaults 0 1\nUUID=cd /data xfs defaults 0 2\n')
  t.throws(() => readMounts(host.root, '/config.toml'), /mountinfo/, 'mounts that cannot be read are not "none"')
  host.place('proc/self/mountinfo', '28 1 8:1 / / rw - ext4 /dev/sda1 rw\n63 28 8:33 / /data rw - xfs /dev/sdc1 rw\n70 28 8:49 / /srv/second rw - ext4 /dev/sdd1 rw\n')
  host.place('dev/disk/by-uuid/ab', '')
  host.place('data/git-data/repositories/.gitaly-metadata', '{}')
  host.link('var/opt/gitlab', join(host.root, 'data'))
  host.place('srv/second/x', '')
  const reading = readMounts(host.root, '/config.toml')
  t.same(reading.storagePaths, ['/data/git-data/repositories', '/srv/second'], 'links are followed')
  t.match(mountProblems(reading), [/UUID=cd on \/data, and there is no \/dev\/disk\/by-uuid\/cd/, /Gitaly's data lies on \/srv\/second/])
  host.place('dev/disk/by-uuid/cd', '')
  host.place('etc/systemd/system/srv-second.mount', '[Mount]\n')
  t.same(mountProblems(readMounts(host.root, '/config.toml')), [])
  t.end()
})

void t.test('a block device is told by its numbers', (t) => {
  const device = readFileSync('/proc/partitions', 'utf8').split('\n').slice(2).map((line) => line.trim().split(/\s+/)).find(([, , , name]) => name !== undefined && statSync(`/dev/${name}`, { throwIfNoEntry: false })?.isBlockDevice() === true)
  if (device === undefined) { t.comment('no block device here'); t.pass(); t.end(); return }
  const host = tree(t)
  host.link(`dev/${device[3]}`, `/dev/${device[3]}`)
  host.place('etc/fstab', `/dev/${device[3]} /data ext4 defaults 0 2\n`)
  host.place('proc/self/mountinfo', '28 1 8:1 / / rw - ext4 /dev/sda1 rw\n')
  t.equal(readMounts(host.root, '/config.toml').entries[0]?.device, `${device[0]}:${device[1]}`)
  t.end()
})
