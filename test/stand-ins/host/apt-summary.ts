// What apt-get prints before it changes anything, and instead of changing anything with --simulate.
import type { Selection } from './apt-selection.ts'
import { type AvailablePackage, type InstalledPackage, readDatabase } from './package-database.ts'
import { print } from './apt-request.ts'

const source = ({ version, release, architecture }: AvailablePackage): string => `${version} ${release} [${architecture}]`

/** apt adds the packages that a step leaves broken for a moment; most often none, printed as []. */
const endMark = ({ depends }: AvailablePackage): string => (depends !== undefined && depends.length > 0 ? ' []' : '')

export function printSimulation({ steps }: Selection, pending: readonly [string, InstalledPackage][]): void {
  for (const { to, from } of steps) print(`Inst ${to.name} ${from === undefined ? '' : `[${from.version}] `}(${source(to)})${endMark(to)}`)
  for (const { to } of steps) print(`Conf ${to.name} (${source(to)})`)
  for (const [name, { version, architecture }] of pending) print(`Conf ${name} (${version} now [${architecture}])`)
}

/** Prints what apt says before it starts. @returns packages left unconfigured by an earlier run. */
export function printSelection(root: string, { steps, kept, namesKept, notes }: Selection): [string, InstalledPackage][] {
  const { packages } = readDatabase(root)
  for (const note of notes) print(note)
  const fresh = steps.filter(({ from }) => from === undefined).map(({ to }) => to.name)
  const upgraded = steps.filter(({ from }) => from !== undefined).map(({ to }) => to.name)
  if (namesKept) list('have been kept back', kept)
  list('will be installed', fresh, 'NEW packages')
  list('will be upgraded', upgraded)
  const pending = Object.entries(packages).filter(([name, { state }]) => state !== 'installed' && !steps.some(({ to }) => to.name === name))
  const unfinished = Object.values(packages).filter(({ state }) => state !== 'installed').length
  print(`${upgraded.length} upgraded, ${fresh.length} newly installed, 0 to remove and ${kept.length} not upgraded.`)
  if (unfinished > 0) print(`${unfinished} not fully installed or removed.`)
  return pending
}

function list(verb: string, names: readonly string[], noun = 'packages'): void {
  if (names.length === 0) return
  print(`The following ${noun} ${verb}:`)
  let line = ' '
  for (const name of [...names].sort()) {
    if (line.length + name.length > 77) {
      print(line)
      line = ' '
    }
    line += ` ${name}`
  }
  print(line)
}
