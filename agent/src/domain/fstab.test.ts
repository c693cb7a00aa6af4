// Would the mounts come up again? Texts as Debian's installer, Ubuntu's cloud images and the kernel write them.
import t from 'tap'
import { type Mount, mountProblems, type MountReading, mountUnitName, parseFstab, parseMountInfo, sourcePath } from './fstab.ts'

const debian = `# /etc/fstab: static file system information.
#
# <file system> <mount point>   <type>  <options>       <dump>  <pass>
# / was on /dev/sda1 during installation
UUID=0e623fe9-9cf6-4d0b-9a4e-3f7c7d1c8b21 /               ext4    errors=remount-ro 0       1
UUID=7A1C-22F0  /boot/efi       vfat    umask=0077      0       1
LABEL=git\\040data /var/opt/gitlab xfs defaults,noatime 0 2
/dev/mapper/vg-swap none            swap    sw              0       0
/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0
/srv/backups /var/opt/gitlab/backups none bind,x-systemd.requires=/srv 0 0
nas:/export /mnt/nas nfs _netdev 0 0
tmpfs /tmp tmpfs size=1G 0 0
PARTUUID=5f0d4b0e-02 /srv ext4 nofail,x-systemd.device-timeout=5 0 2
/dev/sdz1 /mnt/lazy ext4 x-systemd.automount,x-systemd.idle-timeout=60 0 0
broken line
`
/** 6.1 kernel; the lines of a host with this fstab. */
const mountinfo = `22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
60 28 8:15 / /boot/efi rw,relatime shared:33 - vfat /dev/sda15 rw,fmask=0077,dmask=0077
63 28 253:2 / /var/opt/gitlab rw,noatime shared:35 - xfs /dev/mapper/vg-git rw,attr2,inode64
66 28 8:2 / /srv rw,relatime shared:36 - ext4 /dev/sda2 rw
67 63 8:2 /backups /var/opt/gitlab/backups rw,relatime shared:36 - ext4 /dev/sda2 rw
70 28 0:31 / /mnt/with\\040blank rw - tmpfs tmpfs rw
`
const devices: Readonly<Record<string, string>> = {
  '/dev/disk/by-uuid/0e623fe9-9cf6-4d0b-9a4e-3f7c7d1c8b21': '8:1', '/dev/disk/by-uuid/7A1C-22F0': '8:15', '/dev/disk/by-label/git\\x20data': '253:2'
}

interface Parts { readonly fstab?: string, readonly mounts?: string, readonly gone?: readonly string[], readonly storages?: readonly string[], readonly units?: readonly string[] }
const reading = ({ fstab = debian, mounts = mountinfo, gone = [], storages = ['/var/opt/gitlab/git-data/repositories'], units = [] }: Parts = {}): MountReading => ({
  entries: parseFstab(fstab).map((entry) => {
    const path = sourcePath(entry)
    return { entry, target: entry.target, sourcePath: path, sourceExists: path !== undefined && !gone.includes(path) && (path in devices || path === '/srv/backups'), device: path === undefined ? undefined : devices[path] }
  }),
  mounts: parseMountInfo(mounts), storagePaths: storages, mountUnits: units
})
const without = (target: string): string => mountinfo.split('\n').filter((line) => !line.includes(` ${target} `)).join('\n')

void t.test('fstab and mountinfo are read as mount(8) and the kernel write them', (t) => {
  t.equal(parseFstab(debian).length, 10, 'comments and what is no entry are left out')
  t.match(parseFstab(debian)[2], { source: 'LABEL=git data', target: '/var/opt/gitlab', type: 'xfs', options: ['defaults', 'noatime'] })
  t.same(parseMountInfo(mountinfo).at(-1), { target: '/mnt/with blank', type: 'tmpfs', device: '0:31', source: 'tmpfs', readOnly: false } satisfies Mount)
  t.match(parseMountInfo('505 504 254:0 /usr/lib/os-release /run/host/os-release ro,nosuid - ext4 /dev/vda rw,discard\n'), [{ target: '/run/host/os-release', readOnly: true }])
  const of = (source: string, options = 'defaults'): string | undefined => sourcePath({ source, target: '/x', type: 'ext4', options: options.split(',') })
  t.same([of('UUID="ab-cd"'), of('PARTUUID=5f-01'), of('LABEL=a/b c'), of('/dev/sda1'), of('/srv/x', 'bind'), of('tmpfs'), of('nas:/x')],
    ['/dev/disk/by-uuid/ab-cd', '/dev/disk/by-partuuid/5f-01', '/dev/disk/by-label/a\\x2fb\\x20c', '/dev/sda1', '/srv/x', undefined, undefined])
  t.same(['/var/opt/gitlab', '/', '/srv/git-data/a b/', '/.hidden/x'].map(mountUnitName), ['var-opt-gitlab.mount', '-.mount', 'srv-git\\x2ddata-a\\x20b.mount', '\\x2ehidden-x.mount'], 'as systemd-escape --path prints them')
  t.end()
})

void t.test('mounts that a boot would not bring back are named, and only those', (t) => {
  const cases: readonly (readonly [string, MountReading, RegExp | undefined])[] = [
    ['all is mounted', reading(), undefined],
    ['Gitaly\'s disk is not mounted', reading({ mounts: without('/var/opt/gitlab') }), /LABEL=git data on \/var\/opt\/gitlab, and nothing is mounted/],
    ['the disk of an entry was taken out', reading({ gone: ['/dev/disk/by-uuid/7A1C-22F0'] }), /no \/dev\/disk\/by-uuid\/7A1C-22F0/],
    ['another disk is mounted than the one named', reading({ mounts: mountinfo.replace('253:2', '253:9') }), /vg-git is mounted there now/],
    ['a file system that the kernel has made read-only', reading({ mounts: mountinfo.replace('ext4 /dev/sda1 rw', 'ext4 /dev/sda1 ro') }), /^\/ is mounted read-only/],
    ['read-only on purpose', reading({ fstab: debian.replace('errors=remount-ro', 'ro'), mounts: mountinfo.replace('ext4 /dev/sda1 rw', 'ext4 /dev/sda1 ro') }), undefined],
    ['a bind that is not there', reading({ mounts: without('/var/opt/gitlab/backups') }), /\/srv\/backups on/],
    ['a bind without its source', reading({ gone: ['/srv/backups'] }), /no \/srv\/backups/],
    ['nofail, noauto, automount, network, tmpfs and swap do not hold up a boot', reading({ mounts: without('/srv') }), undefined],
    ['a mount made by hand would be gone', reading({ storages: ['/data/git'], mounts: `${mountinfo}80 28 8:33 / /data rw - ext4 /dev/sdc1 rw\n` }), /Gitaly's data lies on \/data, which neither/],
    ['the same with a mount unit', reading({ storages: ['/data/git'], mounts: `${mountinfo}80 28 8:33 / /data rw - ext4 /dev/sdc1 rw\n`, units: ['/data'] }), undefined],
    ['Gitaly\'s data on a mount with noauto', reading({ fstab: debian.replace('defaults,noatime', 'noauto') }), /Gitaly's data lies on \/var\/opt\/gitlab/],
    ['nofail is mounted when it is there', reading({ fstab: debian.replace('defaults,noatime', 'nofail'), gone: [] }), undefined],
    ['data on the root file system', reading({ storages: ['/home/git'] }), undefined],
    ['a name that only begins alike is another directory', reading({ storages: ['/database/git'], mounts: `${mountinfo}80 28 8:33 / /data rw - ext4 /dev/sdc1 rw\n` }), undefined],
    ['of two mounts on one place the last one shows', reading({ mounts: `${mountinfo}90 63 8:99 / /var/opt/gitlab rw - ext4 /dev/sdx rw\n` }), /\/dev\/sdx is mounted there now/],
    ['the root comes from the kernel\'s command line', reading({ gone: ['/dev/disk/by-uuid/0e623fe9-9cf6-4d0b-9a4e-3f7c7d1c8b21'] }), undefined],
    ['and its device may be another than the one named', reading({ mounts: mountinfo.replace('8:1 / /', '8:7 / /') }), undefined],
    ['/dev/root is no device', reading({ fstab: '/dev/root / ext4 defaults 0 1\n/dev/root /old ext4 defaults 0 1\n', storages: [] }), undefined],
    ['the file of a loop device is gone', reading({ fstab: `${debian}/srv/a.img /srv ext4 ro,loop 0 0\n` }), /\/srv\/a.img on \/srv, and there is no \/srv\/a.img/],
    ['ZFS mounts its own', reading({ storages: ['/tank/git'], mounts: `${mountinfo}81 28 0:50 / /tank rw - zfs tank rw\n` }), undefined],
    ['btrfs has no device number to compare', reading({ mounts: mountinfo.replace('253:2', '0:44') }), undefined],
    ['a container has /sys read-only, and systemd leaves devices alone there', reading({ mounts: 'a b 0:22 / /sys ro,nosuid - sysfs sysfs rw\nc d 254:0 / / rw - ext4 /dev/vda rw\n', gone: Object.keys(devices) }), undefined]
  ]
  for (const [name, given, problem] of cases) {
    const found = mountProblems(given)
    t.equal(found.length, problem === undefined ? 0 : 1, `${name}: ${found.join('; ')}`)
    if (problem !== undefined) t.match(found[0], problem, name)
  }
  t.end()
})
