// Why apt ended as it did, from its own words. Pure. A lock, a full disk or a version that is not there is told apart from a
// package whose script failed, because only the last means that the host has changed.
import { Fault } from '@pitstop/shared/fault'
import { lastLines } from './apt-output.ts'

/** @param doing in plain words: "install", "update". */
export function aptFault(doing: string, text: string): Fault {
  const output = unixLines(text)
  // Its own errors first: hashes and hints come below them.
  const errors = output.split('\n').filter((line) => line.startsWith('E: '))
  const said = errors.length > 0 ? errors.slice(0, 8).map((line) => line.slice(3).trim()).join('\n') : lastLines(output, 8)
  // An apt that had to wait says so too, and may fail of something else afterwards: only an error counts.
  if (/^E: (?:Could not get lock|Unable to acquire the dpkg frontend lock|Unable to lock)/m.test(output)) {
    const [, path, pid, program] = [...output.matchAll(/lock (\S+)\. It is held by process (\d+)(?: \(([^)]+)\))?/g)].at(-1) ?? []
    return pid === undefined ? new Fault('DPKG_LOCKED', said, { hint: 'on the host: fuser -v /var/lib/dpkg/lock-frontend' })
      : lockedBy(path ?? 'the lock', Number(pid), program ?? '')
  }
  if (/No space left on device|don't have enough free space/.test(output)) {
    const line = output.split('\n').findLast((each) => /No space left on device|enough free space/.test(each)) ?? said
    return new Fault('DISK_FULL', `${failedAt(doing, output)}: ${line.trim().replace(/^E: /, '')}`)
  }
  if (/dpkg was interrupted/.test(output)) return new Fault('DPKG_BROKEN', 'dpkg was interrupted', { hint: 'on the host: dpkg --configure -a' })
  if (/Unmet dependencies\. Try/.test(output)) return new Fault('DPKG_BROKEN', `packages have unmet dependencies: ${said}`, { hint: 'on the host: apt-get --fix-broken install' })
  const absent = [...output.matchAll(/Version '([^']+)' for '([^']+)' was not found/g)].map(([, version, name]) => `${name}=${version}`)
  const unknown = [...output.matchAll(/Unable to locate package (\S+)/g)].map(([, name]) => name)
  if (absent.length + unknown.length > 0) return new Fault('MANIFEST_DIFFERS', `apt does not offer ${[...absent, ...unknown].join(', ')} here`)
  return new Fault('APT_FAILED', `${failedAt(doing, output)}: ${scriptWords(output) ?? said}`)
}

export const lockedBy = (path: string, pid: number, program: string): Fault =>
  new Fault('DPKG_LOCKED', `${path} is held by process ${pid}${program === '' ? '' : ` (${program})`}`, { hint: `wait for it; or on the host: ps -fp ${pid}, and end it if it hangs` })

/** dpkg was at work: scripts may have run, so the host is no longer as it was, whatever the versions say. */
export const dpkgRan = (text: string): boolean =>
  /^(?:Preparing to unpack |Unpacking |Setting up |Removing |Processing triggers |dpkg: error |dpkg: warning: while )|Sub-process \S*dpkg returned an error/m.test(unixLines(text))

/** dpkg writes to a terminal of apt's: lines end as there, and some are written over. */
const unixLines = (text: string): string => text.replaceAll('\r\n', '\n').replaceAll(/^.*\r/gm, '')

const failedAt = (doing: string, output: string): string => {
  const names = failedPackages(output)
  return `apt-get ${doing} failed${names.length === 0 ? '' : ` at ${names.join(', ')}`}`
}

/** dpkg lists them at its end, by name or by file. */
function failedPackages(output: string): readonly string[] {
  const at = output.lastIndexOf('Errors were encountered while processing:\n')
  if (at < 0) return [...new Set([...output.matchAll(/^dpkg: error processing (?:package|archive) (\S+)/gm)].map(([, name = '']) => bare(name)))]
  const lines = output.slice(at).split('\n').slice(1)
  const end = lines.findIndex((line) => !line.startsWith(' '))
  return lines.slice(0, end < 0 ? lines.length : end).map((line) => bare(line.trim()))
}

/** /var/cache/.../openssl_3.0_amd64.deb is openssl for a person. */
const bare = (name: string): string => name.replace(/^.*\/([^/_]+)_[^/]*\.deb$/, '$1')

/** What the first failing package's script said, up to dpkg's own explanation. */
function scriptWords(output: string): string | undefined {
  const lines = output.split('\n')
  const error = lines.findIndex((line) => line.startsWith('dpkg: error processing '))
  if (error < 0) return undefined
  const begun = lines.slice(0, error).findLastIndex((line) => /^(?:Setting up|Unpacking|Preparing to unpack|Processing triggers for) /.test(line))
  const from = Math.max(0, begun, error - 10)
  const explained = lines.slice(error + 1).findIndex((line) => !line.startsWith(' '))
  return lines.slice(from, error + 1 + (explained < 0 ? 1 : explained)).map((line) => line.trimEnd()).filter((line) => line !== '').join('\n')
}
