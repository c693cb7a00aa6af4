// Which kernel comes next, and what stands in its way: on grub.cfg texts that the real grub-mkconfig of Debian 12 (2.06),
// Ubuntu 22.04 (2.06) and 24.04 (2.12) wrote for folder trees with these kernels. Which entry each default chooses was
// compared with GRUB itself (grub-emu 2.06, its linux command replaced); that a machine boots it no container can prove.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { type BootFile, type BootReading, bootProblems, expectedKernel, newestKernel, targetProblems } from './boot-check.ts'

const text = (name: string): string => readFileSync(new URL(`../fixtures/boot/${name}.cfg`, import.meta.url), 'utf8')
const uuid = '0e623fe9-9cf6-4d0b-9a4e-3f7c7d1c8b21'
const grubenv = (...lines: string[]): string => `# GRUB Environment Block\n${lines.map((line) => `${line}\n`).join('')}`.padEnd(1024, '#')

interface Parts { readonly environment?: string, readonly custom?: string, readonly without?: string, readonly files?: readonly BootFile[], readonly rest?: Partial<BootReading> }
const host = (config: string | undefined, kernels: readonly string[], parts: Parts = {}): BootReading => ({
  files: [...kernels.flatMap((kernel) => ['vmlinuz', 'initrd.img', 'config'].map((name) => ({ name: `${name}-${kernel}`, size: 9 }))).filter(({ name }) => name !== parts.without), ...parts.files ?? []],
  rootLinks: [], grub: { config, environment: parts.environment, custom: parts.custom }, loaderEntries: [], modules: kernels, defaultTarget: undefined, ...parts.rest
})
const debian = ['6.1.0-25-amd64', '6.1.0-28-amd64'] as const
const debian12 = text('debian-12')
/** GRUB_DEFAULT as grub-mkconfig writes it; 'saved' becomes the variable. */
const withDefault = (value: string): string => debian12.replace('set default="0"', `set default="${value === 'saved' ? '${saved_entry}' : value}"`)
const noble = ['6.8.0-45-generic', '6.8.0-1019-gcp'] as const
const jammy = ['5.15.0-124-generic', '6.8.0-1018-gcp'] as const

void t.test('the expected kernel is the one that GRUB boots by default, by its own rules', (t) => {
  const submenu = `gnulinux-advanced-${uuid}`
  const older = `gnulinux-6.1.0-25-amd64-advanced-${uuid}`
  const cases: readonly (readonly [string, BootReading, string | RegExp])[] = [
    ['entry 0 of a fresh Debian', host(debian12, debian), '6.1.0-28-amd64'],
    ['the same with an empty grubenv', host(debian12, debian, { environment: grubenv() }), '6.1.0-28-amd64'],
    ['ids through the submenu', host(withDefault(`${submenu}>${older}`), debian), '6.1.0-25-amd64'],
    ['numbers through the submenu', host(withDefault('1>2'), debian), '6.1.0-25-amd64'],
    ['titles through the submenu', host(withDefault('Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1.0-25-amd64'), debian), '6.1.0-25-amd64'],
    ['a submenu alone begins at its first entry', host(withDefault('1'), debian), '6.1.0-28-amd64'],
    ['a title of the submenu without the submenu is not found: entry 0', host(withDefault('Debian GNU/Linux, with Linux 6.1.0-25-amd64'), debian), '6.1.0-28-amd64'],
    ...(['1>', '1>nonsense', 'nonsense>2', '2x', '', '0', '1x', 'A>>B>2'] as const).map((value) => [`GRUB_DEFAULT=${value}`, host(withDefault(value), debian), '6.1.0-28-amd64'] as const),
    ...(['1>2>0', '01>2', '0x1>2', '1 >2', '1x>2'] as const).map((value) => [`GRUB_DEFAULT=${value}`, host(withDefault(value), debian), '6.1.0-25-amd64'] as const),
    ['a title with a > in it', host(withDefault('A>>B>2').replace('submenu \'Advanced options for Debian GNU/Linux\'', 'submenu \'A>B\''), debian), '6.1.0-25-amd64'],
    ['a number that no entry has: entry 0', host(withDefault('7'), debian), '6.1.0-28-amd64'],
    ['saved, chosen with grub-set-default', host(withDefault('saved'), debian, { environment: grubenv(`saved_entry=${submenu}>${older}`) }), '6.1.0-25-amd64'],
    ['saved, never chosen', host(withDefault('saved'), debian, { environment: grubenv() }), '6.1.0-28-amd64'],
    ['saved, without grubenv', host(withDefault('saved'), debian), '6.1.0-28-amd64'],
    ['once, with grub-reboot', host(debian12, debian, { environment: grubenv(`next_entry=${submenu}>${older}`) }), '6.1.0-25-amd64'],
    ['Ubuntu 24.04 without an initrd at first (PARTUUID)', host(text('ubuntu-24.04-partuuid'), noble), '6.8.0-1019-gcp'],
    ['Ubuntu 22.04 with flavours side by side: not the newest', host(text('ubuntu-22.04-flavour-order'), jammy), '5.15.0-124-generic'],
    ['custom.cfg sets another default', host(debian12, debian, { custom: 'set default="1>2"\n' }), '6.1.0-25-amd64'],
    ['an entry by a link of Debian\'s', host('menuentry "mine" {\n linux /boot/vmlinuz root=/dev/sda1\n initrd /boot/initrd.img\n}\n', debian, {
      files: [{ name: 'vmlinuz', size: 9, target: 'vmlinuz-6.1.0-28-amd64' }, { name: 'initrd.img', size: 9, target: 'initrd.img-6.1.0-28-amd64' }]
    }), '6.1.0-28-amd64']
  ]
  for (const [name, boot, expected] of cases) {
    t.same(expectedKernel(boot), { version: expected }, name)
    t.same(bootProblems(boot), [], `${name}: nothing stands in its way`)
  }
  t.end()
})

void t.test('what cannot be proven is unknown, not wrong', (t) => {
  const efi = text('ubuntu-24.04-partuuid')
  const cases: readonly (readonly [string, BootReading, RegExp])[] = [
    ['a container', host(undefined, [], { rest: { grub: undefined } }), /no kernel in \/boot/],
    ['no boot loader', host(undefined, debian, { rest: { grub: undefined } }), /no boot loader's menu.*newest kernel is 6.1.0-28/],
    ['systemd-boot', host(undefined, debian, { rest: { grub: undefined, loaderEntries: ['a.conf'] } }), /systemd-boot/],
    ['the firmware\'s entry, which only EFI has', host(efi.replace('set default="0"', 'set default="2"'), noble), /UEFI Firmware Settings cannot be told/],
    ['the firmware\'s entry by its id', host(efi.replace('set default="0"', 'set default="uefi-firmware"'), noble), /cannot be told/],
    ['a default that depends on the hardware', host(`${debian12}\nif [ "$grub_platform" = "efi" ]; then set default=1; fi\n`, debian), /decides its default while it boots/],
    ['a menu that is read from elsewhere', host(`${debian12}\nsource /somewhere/else.cfg\n`, debian), /else.cfg/],
    ['entries of Fedora\'s kind', host('blscfg\n', debian), /blscfg/],
    ['another system', host('menuentry "Windows" {\n chainloader +1\n}\n', debian), /boots no Linux/],
    ['half a file', host(debian12.slice(0, 4000), debian), /grub.cfg/],
    ['no entry', host('set timeout=5\n', debian), /no menu entry/],
    ['a kernel without a version', host('menuentry x { linux /boot/bzImage root=/dev/sda1\n}\n', debian), /tells no version/]
  ]
  for (const [name, boot, why] of cases) t.match(expectedKernel(boot), { unknown: why }, name)
  t.end()
})

void t.test('what the next boot needs is there, or named', (t) => {
  const cases: readonly (readonly [string, BootReading, readonly RegExp[]])[] = [
    ['a container', host(undefined, [], { rest: { grub: undefined } }), []],
    ['a container with GRUB\'s package', host(undefined, []), []],
    ['no initrd for the default', host(debian12, debian, { without: 'initrd.img-6.1.0-28-amd64' }), [/initrd.img-6.1.0-28-amd64 is missing/]],
    ['no initrd for another kernel', host(debian12, debian, { without: 'initrd.img-6.1.0-25-amd64' }), []],
    ['an initrd that the disk had no room for', host(debian12, debian, { without: 'initrd.img-6.1.0-28-amd64', files: [{ name: 'initrd.img-6.1.0-28-amd64', size: 0 }] }), [/initrd.img-6.1.0-28-amd64 is empty/]],
    ['the kernel was removed and the menu was not written again', host(debian12, ['6.1.0-25-amd64']), [/does not know|vmlinuz-6.1.0-28-amd64 is missing/, /initrd/, /modules/]],
    ['a newer kernel that the menu does not know', host(debian12, [...debian, '6.1.0-31-amd64']), [/does not know kernel 6.1.0-31-amd64/]],
    ['no menu', host(undefined, debian), [/grub.cfg is missing/]],
    ['an empty menu', host(' \n', debian), [/grub.cfg is empty/]],
    ['no menu is no trouble for systemd-boot', host(undefined, debian, { rest: { loaderEntries: ['a.conf'] } }), []],
    ['no modules', host(debian12, debian, { rest: { modules: ['6.1.0-25-amd64'] } }), [/\/lib\/modules\/6.1.0-28-amd64/]],
    ['a link to nothing', host('menuentry x { linux /vmlinuz\n initrd /initrd.img\n}', debian, { rest: {
      rootLinks: [{ name: 'vmlinuz', size: 9, target: 'vmlinuz-6.1.0-28-amd64' }, { name: 'initrd.img', size: -1 }]
    } }), [/^\/initrd.img is a link to nothing/]],
    ['without a known menu the newest counts', host(undefined, debian, { without: 'initrd.img-6.1.0-28-amd64', rest: { grub: undefined } }), [/initrd.img-6.1.0-28-amd64 is missing/]]
  ]
  for (const [name, boot, problems] of cases) {
    const found = bootProblems(boot)
    t.equal(found.length, problems.length, `${name}: ${found.join('; ')}`)
    for (const [index, pattern] of problems.entries()) t.match(found[index], pattern, name)
  }
  t.end()
})

void t.test('a host that would come up in a rescue shell serves nobody', (t) => {
  for (const target of ['rescue.target', 'emergency.target', 'null']) t.match(targetProblems({ defaultTarget: target }), [/systemctl set-default/], target)
  t.match(targetProblems({ defaultTarget: undefined, systemUpdate: '/system-update' }), [/^\/system-update exists: .*offline updates/])
  for (const target of ['multi-user.target', 'graphical.target', undefined]) t.same(targetProblems({ defaultTarget: target }), [], target ?? 'the distribution\'s')
  t.end()
})

void t.test('the newest kernel is found by Debian\'s order, across flavours, without what packages left behind', (t) => {
  const named = (...names: string[]): BootFile[] => names.map((name) => ({ name, size: 1 }))
  const newest = (files: readonly BootFile[], modules: readonly string[] = []): string | undefined => newestKernel({ files, modules })
  t.equal(newest(named('vmlinuz-6.1.0-9-amd64', 'vmlinuz-6.1.0-27-amd64', 'vmlinuz-6.1.0-28-amd64.old', 'config-7', 'vmlinuz-6.1.0-29-amd64.dpkg-new')), '6.1.0-27-amd64')
  t.equal(newest(named('vmlinuz-6.8.0-45-generic', 'vmlinuz-6.8.0-1019-gcp')), '6.8.0-1019-gcp')
  t.equal(newest([{ name: 'vmlinuz', size: 1, target: 'vmlinuz-9' }]), undefined)
  t.equal(newest(named('vmlinuz-6.1.0-28-amd64', 'vmlinuz-6.1.0-29-amd64'), ['6.1.0-28-amd64']), '6.1.0-28-amd64', 'an image without modules is a leftover')
  t.equal(newest(named('vmlinuz-6.1.0-28-amd64', 'vmlinuz-6.1.0-29-amd64.signed', 'vmlinuz-6.1.0-29-amd64.bak')), '6.1.0-28-amd64')
  t.end()
})
