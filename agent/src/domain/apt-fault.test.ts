// Why apt failed, from what apt 2.4 to 3.0 really printed; and what an upgrade's end means. Locks, disks and repositories leave
// the host as it was; a script that failed does not.
import t from 'tap'
import { aptFault, dpkgRan } from './apt-fault.ts'
import { judgeUpgrade, type UpgradeEnd } from './upgrade-verdict.ts'

const waited = `Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 17720 (python3)...
Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 17720 (python3)...
`
const locked = `${waited}
E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?
`
// From apt's terminal: lines end with CR LF, and the database line is written over.
const failedScript = `Need to get 0 B/2110 B of archives.
(Reading database ... \r(Reading database ... 5%\r(Reading database ... 11367 files and directories currently installed.)\r
Preparing to unpack .../pbad_1.0_amd64.deb ...\r
Unpacking pbad (1.0) over (0.9) ...\r
Setting up pafter (1.0) ...\r
Setting up pbad (1.0) ...\r
pbad: cannot frob the knob\r
dpkg: error processing package pbad (--configure):\r
 installed pbad package post-installation script subprocess returned error exit status 3\r
dpkg: dependency problems prevent configuration of pdep:\r
 pdep depends on pbad; however:\r
  Package pbad is not configured yet.\r
\r
dpkg: error processing package pdep (--configure):\r
 dependency problems - leaving unconfigured\r
Errors were encountered while processing:\r
 pbad\r
 pdep\r
needrestart is being skipped since dpkg has failed
E: Sub-process /usr/bin/dpkg returned an error code (1)
`
const fullDisk = `Preparing to unpack .../archives/pbig_2.0_amd64.deb ...\r
Unpacking pbig (2.0) over (1.0) ...\r
dpkg: error processing archive /var/cache/pitstop-agent/apt/staged/pbig_2.0_amd64.deb (--unpack):\r
 cannot copy extracted data for './usr/share/pbig/blob' to '/usr/share/pbig/blob.dpkg-new': failed to write (No space left on device)\r
dpkg-deb: error: paste subprocess was killed by signal (Broken pipe)\r
Errors were encountered while processing:\r
 /var/cache/pitstop-agent/apt/staged/pbig_2.0_amd64.deb\r
E: Sub-process /usr/bin/dpkg returned an error code (1)
`
const tornFile = `E: Failed to fetch file:/var/cache/pitstop-agent/apt/staged/./pb_1%253a2.0_amd64.deb  Hash Sum mismatch
   Hashes of expected file:
    - SHA256:c70d4937486808625100324cec78ab8b6ad6dddccefd10e779e32b33990bf826
   Last modification reported: Mon, 23 Nov 2026 03:14:48 +0000
E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?
`

void t.test('who holds the lock is named; having waited for one is no failure', (t) => {
  t.match(aptFault('upgrade', locked), { code: 'DPKG_LOCKED', message: '/var/lib/dpkg/lock-frontend is held by process 17720 (python3)', hint: /ps -fp 17720/ })
  t.match(aptFault('update', 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 19218 (apt-get)\nE: Unable to lock directory /var/lib/apt/lists/\n'), { code: 'DPKG_LOCKED', message: /19218 \(apt-get\)/ })
  t.match(aptFault('upgrade', 'E: Unable to lock the administration directory (/var/lib/dpkg/), is another process using it?\n'), { code: 'DPKG_LOCKED', hint: /fuser/ }, 'apt does not always know')
  t.equal(aptFault('upgrade', waited + failedScript).code, 'APT_FAILED')
  t.end()
})

void t.test('the package that failed is named, with what its script said', (t) => {
  t.equal(aptFault('upgrade', failedScript).message, `apt-get upgrade failed at pbad, pdep: Setting up pbad (1.0) ...
pbad: cannot frob the knob
dpkg: error processing package pbad (--configure):
 installed pbad package post-installation script subprocess returned error exit status 3`)
  t.match(aptFault('upgrade', fullDisk), { code: 'DISK_FULL', message: /^apt-get upgrade failed at pbig: cannot copy extracted data .*No space left on device\)$/ })
  t.match(aptFault('download', "E: You don't have enough free space in /var/cache/apt/archives/.\n"), { code: 'DISK_FULL' })
  t.match(aptFault('upgrade', tornFile), { code: 'APT_FAILED', message: /pb_1%253a2\.0_amd64\.deb {2}Hash Sum mismatch/ })
  t.match(aptFault('upgrade', "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. \n"), { code: 'DPKG_BROKEN', hint: 'on the host: dpkg --configure -a' })
  t.match(aptFault('download', "E: Version '1.1' for 'openssl' was not found\nE: Unable to locate package gone\n"), { code: 'MANIFEST_DIFFERS', message: 'apt does not offer openssl=1.1, gone here' })
  t.match(aptFault('update', 'Ign:1 http://127.0.0.1:9 ./ InRelease\nErr:1 http://127.0.0.1:9 ./ InRelease\nE: Failed to fetch http://127.0.0.1:9/./InRelease  Could not connect\n'), { code: 'APT_FAILED', message: 'apt-get update failed: Failed to fetch http://127.0.0.1:9/./InRelease  Could not connect' })
  t.end()
})

void t.test('whether dpkg was at work is told by its words', (t) => {
  t.same([failedScript, fullDisk].map(dpkgRan), [true, true])
  t.same([locked, tornFile, ''].map(dpkgRan), [false, false, false])
  t.end()
})

const one = { name: 'one', version: '1' }
const end = (part: Partial<UpgradeEnd>): UpgradeEnd => ({ code: 0, output: '', install: [{ name: 'one', version: '2' }], before: [one], after: { value: [{ name: 'one', version: '2' }] }, dpkg: { value: '' }, ...part })

void t.test('an upgrade is judged by dpkg; apt that never reached it has left the host as it was', (t) => {
  t.same(judgeUpgrade(end({})), { status: 'succeeded', reasons: [], changes: [{ name: 'one', from: '1', to: '2' }] })
  t.match(judgeUpgrade(end({ code: 100, output: locked, after: { value: [one] } })), { status: 'vetoed', reasons: [{ code: 'DPKG_LOCKED' }] })
  t.match(judgeUpgrade(end({ code: 100, output: fullDisk, after: { value: [one] } })), { status: 'failed', reasons: [{ code: 'DISK_FULL' }, { code: 'PACKAGES_DIFFER' }] }, 'rolled back by dpkg, and yet scripts ran')
  t.match(judgeUpgrade(end({ code: 100, output: locked, after: { unknown: 'no dpkg-query' } })), { status: 'failed' }, 'not known is not as it was')
  t.match(judgeUpgrade(end({ code: 100, output: locked, after: { value: [one] }, dpkg: { value: 'half' } })), { status: 'failed' })
  t.match(judgeUpgrade(end({ code: 0, after: { value: [one] } })), { status: 'failed', reasons: [{ code: 'PACKAGES_DIFFER' }] }, 'apt says it is done and dpkg does not')
  t.match(judgeUpgrade(end({ code: null, output: 'Setting up one (2) ...\r\n' })), { status: 'failed', reasons: [{ code: 'APT_FAILED' }] })
  const many = Array.from({ length: 40 }, (_, index) => ({ name: `p${index}`, version: '2' }))
  t.equal(judgeUpgrade(end({ install: many })).reasons.length, 11, 'forty differences are not forty lines')
  t.end()
})
