// What apt and dpkg print, as data. Pure; never throws: a line that is not understood is left out and counted, so that
// a caller can refuse a simulation it did not understand completely. The texts are the same from apt 2.4 to 3.0.

/** One package that apt would install or upgrade. */
export interface SimulatedChange {
  readonly name: string
  /** Empty: newly installed. */
  readonly from: string
  readonly to: string
  readonly origin: string
  readonly security: boolean
}

export interface Simulation {
  readonly changes: readonly SimulatedChange[]
  /** Packages that apt would remove: never acceptable here. */
  readonly removed: readonly string[]
  /** Offered in a newer version that apt does not take: held, pinned, or it would need a removal. */
  readonly kept: readonly string[]
  /** Inst or Remv lines that were not understood. */
  readonly unread: readonly string[]
}

// Inst libc6 [2.36-9] (2.36-10 Debian:12.5/stable, Debian-Security:12/stable-security [amd64]) [libc-bin:amd64 ]
const instLine = /^Inst (\S+)(?: \[([^\]]*)\])? \((\S+)(?: (.*?))?(?: \[[^\]]*\])?\)/
const keptBack = /^The following (?:packages have been kept back|upgrades have been deferred due to phasing):$/

/** Output of `apt-get -s`. */
export function parseSimulation(text: string): Simulation {
  const changes: SimulatedChange[] = []
  const removed: string[] = []
  const kept: string[] = []
  const unread: string[] = []
  let inKept = false
  for (const line of text.split(/\r?\n/)) {
    inKept = keptBack.test(line) || (inKept && line.startsWith('  '))
    if (inKept && line.startsWith('  ')) kept.push(...line.trim().split(/\s+/).map((name) => bareName(name)))
    else if (line.startsWith('Inst ')) {
      const match = instLine.exec(line)
      if (match === null) { unread.push(line); continue }
      const [, name = '', from = '', to = '', origin = ''] = match
      changes.push({ name: bareName(name), from, to, origin, security: isSecurity(origin) })
    } else if (line.startsWith('Remv ')) {
      const name = line.split(' ')[1]
      if (name === undefined || name === '') unread.push(line)
      else removed.push(bareName(name))
    }
  }
  return { changes, removed, kept, unread }
}

/**
 * "libc6:amd64" and "libc6" are one package for a manifest, except for a foreign architecture, which keeps its suffix.
 * @param native the host's own architecture, where names come with it.
 */
const bareName = (name: string, native = ''): string => {
  const [bare = '', architecture = ''] = name.split(':')
  return ['all', 'native', 'any', '', native].includes(architecture) ? bare : name
}

/**
 * Origins as apt prints them, "Label:Version/Suite" with commas between. Security is the suite (jammy-security,
 * jammy-infra-security, oldstable-security) or Debian's label of old; ESM's updates pockets are no security.
 */
const isSecurity = (origins: string): boolean =>
  origins.split(', ').some((origin) => origin.endsWith('-security') || origin.startsWith('Debian-Security:'))

export interface InstalledPackage {
  readonly name: string
  readonly version: string
  /** dpkg's letter when it is there and not completely installed: H, U, F, W, t. */
  readonly unfinished?: string
  readonly installedKb?: number
}

/** What `packageFormat` prints for each package: everything that is there, unfinished ones included. */
export const packageFormat = '${binary:Package}\\t${Version}\\t${db:Status-Abbrev}\\t${Installed-Size}\\n'

export function parsePackages(text: string, native = ''): readonly InstalledPackage[] {
  const packages: InstalledPackage[] = []
  for (const line of text.split('\n')) {
    const [name = '', version = '', status = '', size = ''] = line.split('\t')
    // Second letter: actual state. "i" = installed, "c" = only configuration left, "n" = not installed.
    const state = status[1] ?? 'n'
    if (name === '' || version === '' || state === 'n' || state === 'c') continue
    packages.push({
      name: bareName(name, native),
      version,
      ...state === 'i' ? {} : { unfinished: state },
      ...size !== '' && Number.isFinite(Number(size)) ? { installedKb: Number(size) } : {}
    })
  }
  return packages
}

/** Only what is really and completely installed. */
export const completelyInstalled = (packages: readonly InstalledPackage[]): readonly InstalledPackage[] =>
  packages.filter(({ unfinished }) => unfinished === undefined)

/** One name per line, as `apt-mark showhold` prints. */
export const parseNames = (text: string, native = ''): readonly string[] =>
  text.split('\n').map((line) => bareName(line.trim(), native)).filter((name) => name !== '')

/** The last lines that say something, for a reason's text. Of a line that was written over, what stood there last. */
export const lastLines = (text: string, count: number): string =>
  text.split('\n').map((line) => line.trimEnd().split('\r').at(-1)?.trimEnd() ?? '').filter((line) => line !== '').slice(-count).join('\n')
