// What apt and dpkg print, as data. Pure; never throws: a line that is not understood is left out and counted, so that
// a caller can refuse a simulation it did not understand completely.

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
  /** Inst or Remv lines that were not understood. */
  readonly unread: readonly string[]
}

// Inst libc6 [2.36-9] (2.36-10 Debian:12.5/stable, Debian-Security:12/stable-security [amd64]) [libc-bin:amd64 ]
const instLine = /^Inst (\S+)(?: \[([^\]]*)\])? \((\S+)(?: (.*?))?(?: \[[^\]]*\])?\)/

/** Output of `apt-get -s`. */
export function parseSimulation(text: string): Simulation {
  const changes: SimulatedChange[] = []
  const removed: string[] = []
  const unread: string[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('Inst ')) {
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
  return { changes, removed, unread }
}

/** "libc6:amd64" and "libc6" are one package for a manifest, except for a foreign architecture, which keeps its suffix. */
const bareName = (name: string): string => name.replace(/:(?:all|native|any)$/, '')

const isSecurity = (origin: string): boolean => /-security\b|Debian-Security|UbuntuESM/i.test(origin)

export interface InstalledPackage {
  readonly name: string
  readonly version: string
}

/** Output of `dpkg-query -W -f='${Package}\t${Version}\t${db:Status-Abbrev}\n'`; only what is really installed. */
export function parseInstalled(text: string): readonly InstalledPackage[] {
  const installed: InstalledPackage[] = []
  for (const line of text.split('\n')) {
    const [name = '', version = '', status = ''] = line.split('\t')
    // Second letter: actual state. "i" = installed; "c" = only configuration left, and so on.
    if (name !== '' && version !== '' && status[1] === 'i') installed.push({ name, version })
  }
  return installed
}

/** One name per line, as `apt-mark showhold` prints. */
export const parseNames = (text: string): readonly string[] =>
  text.split('\n').map((line) => bareName(line.trim())).filter((name) => name !== '')

/** The last lines that say something, for a reason's text. */
export const lastLines = (text: string, count: number): string =>
  text.split('\n').map((line) => line.trimEnd()).filter((line) => line !== '').slice(-count).join('\n')
