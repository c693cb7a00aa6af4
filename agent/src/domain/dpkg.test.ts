// dpkg's state in its own words, as printed by dpkg 1.21 (Debian 12) after real accidents; and who holds its lock, by /proc/locks.
import t from 'tap'
import { dpkgProblems, dpkgReasons } from './dpkg-audit.ts'
import { deviceName, heldBy, holders, parseLocks } from './file-lock.ts'

const unpacked = `The following packages have been unpacked but not yet configured.
They must be configured using dpkg --configure or the configure
menu option in dselect for them to work:
 pdep                 test package pdep
`
const halfConfigured = `The following packages are only half configured, probably due to problems
configuring them the first time.  The configuration should be retried using
dpkg --configure <package> or the configure menu option in dselect:
 pbad                 test package pbad
`
/** dpkg killed -9 while it unpacked pkill. */
const mess = `The following packages are in a mess due to serious problems during
installation.  They must be reinstalled for them (and any packages
that depend on them) to function properly:
 pkill                (no description available)
`
const noList = `The following packages are missing the list control file in the
database, they need to be reinstalled:
 pkill                (no description available)
`
const noSums = `The following packages are missing the md5sums control file in the
database, they need to be reinstalled:
 old-tool             a package built long ago
`
const triggers = `The following packages are awaiting processing of triggers that they
have activated in other packages.  This processing can be requested using
dselect or dpkg --configure --pending (or dpkg --triggers-only):
 ptrg2                trigger activator

The following packages have been triggered, but the trigger processing
has not yet been done.  Trigger processing can be requested using
dselect or dpkg --configure --pending (or dpkg --triggers-only):
 ptrg                 trigger holder
`
const hint = (audit: string, unfinished: readonly string[] = []): string | undefined => dpkgReasons(dpkgProblems(audit, unfinished))[0]?.hint

void t.test('each state of dpkg has its command', (t) => {
  t.same(dpkgReasons(dpkgProblems('', [])), [])
  t.equal(hint(`${unpacked}\n${halfConfigured}\n`), 'on the host: dpkg --configure -a')
  t.equal(hint(triggers), 'on the host: dpkg --configure -a')
  t.equal(hint(`${mess}\n${unpacked}\n${noList}\n`), 'on the host: dpkg --configure -a && apt-get install --reinstall pkill')
  t.match(hint('Something that nobody has seen before:\n a\n'), /dpkg --audit/, 'what is not understood is shown')
  t.match(dpkgReasons(dpkgProblems(halfConfigured, [])), [{ code: 'DPKG_BROKEN', text: /only half configured.*\n pbad/s }])
  t.end()
})

void t.test('unfinished writes are a reason where the audit is silent: apt refuses because of them', (t) => {
  t.match(dpkgReasons(dpkgProblems('', ['0001'])), [{ code: 'DPKG_BROKEN', text: /1 unfinished record in \/var\/lib\/dpkg\/updates/, hint: 'on the host: dpkg --configure -a' }])
  t.end()
})

void t.test('missing checksums keep nobody from upgrading', (t) => {
  t.equal(dpkgProblems(`${noSums}\n`, []), '')
  t.equal(hint(`${noSums}\n${unpacked}\n`), 'on the host: dpkg --configure -a')
  t.equal(dpkgProblems('Another process has locked the database for writing, and might currently be\nmodifying it, some of the following problems might just be due to that.\n\n', []), '', 'nor does a dpkg that is at work')
  t.end()
})

void t.test('the holder of a lock, from /proc/locks', (t) => {
  const locks = parseLocks(`1: POSIX  ADVISORY  WRITE 18159 fe:00:10209570 0 EOF
2: FLOCK  ADVISORY  WRITE 18204 00:30:10838416 0 EOF
7: POSIX  ADVISORY  WRITE 17720 00:27:10380109 0 EOF
7: -> POSIX  ADVISORY  WRITE 17999 00:27:10380109 0 EOF
8: POSIX  ADVISORY  READ  17721 00:27:10380109 0 EOF
10: OFDLCK ADVISORY  WRITE -1 00:2c:15 0 EOF
`)
  t.same(holders(locks, { inode: 10_380_109, device: '00:27' }), [{ pid: 17_720, sure: true }], 'neither who waits nor who reads')
  t.same(holders(locks, { inode: 10_209_570, device: '00:1f' }), [{ pid: 18_159, sure: false }], 'btrfs: the file is of another device than its lock')
  t.same(holders(locks, { inode: 15, device: '00:2c' }), [], 'a lock without a process')
  t.equal(deviceName(39), '00:27')
  t.equal(deviceName(65_024), 'fe:00')
  t.equal(heldBy({ path: '/var/lib/dpkg/lock-frontend', pid: 5, program: 'apt-get install x' }), '/var/lib/dpkg/lock-frontend is held by process 5 (apt-get install x)')
  t.same(parseLocks('nonsense\n\n'), [])
  t.end()
})
