// dpkg, dpkg-query and apt-mark of a stand-in host, with the words and exit codes of Debian 12.
import { relationHolds } from './debian-version.ts'
import { configure } from './apt-get.ts'
import { takeFault } from './faults.ts'
import { readSettings } from './host-layout.ts'
import { type InstalledPackage, type PackageState, changePackage, readDatabase, takeLock, writeDatabase } from './package-database.ts'

const print = (line: string): void => { process.stdout.write(`${line}\n`) }
const complain = (line: string): void => { process.stderr.write(`${line}\n`) }

export function dpkg(root: string, args: readonly string[]): number {
  const [verb = '', ...rest] = args
  switch (verb) {
    case '--print-architecture':
      print(readSettings(root).architecture)
      return 0
    case '--compare-versions': {
      const holds = relationHolds(rest[0] ?? '', rest[1] ?? '', rest[2] ?? '')
      if (holds === undefined) complain('dpkg: error: --compare-versions bad relation')
      return holds === undefined ? 2 : holds ? 0 : 1
    }
    case '--audit':
    case '-C':
      audit(root)
      return 0
    case '--configure':
      return configurePending(root, rest)
    default:
      complain(`dpkg: error: unknown option ${verb}`)
      return 2
  }
}

const auditTexts: readonly (readonly [PackageState, string])[] = [
  ['half-installed', 'The following packages are in a mess due to serious problems during\ninstallation.  They must be reinstalled for them (and any packages\nthat depend on them) to function properly:'],
  ['unpacked', 'The following packages have been unpacked but not yet configured.\nThey must be configured using dpkg --configure or the configure\nmenu option in dselect for them to work:'],
  ['half-configured', 'The following packages are only half configured, probably due to problems\nconfiguring them the first time.  The configuration should be retried using\ndpkg --configure <package> or the configure menu option in dselect:']
]

/** Exit 0 whatever it finds, as the real one: only its output tells. */
function audit(root: string): void {
  const { packages } = readDatabase(root)
  for (const [state, text] of auditTexts) {
    const found = Object.keys(packages).sort().filter((name) => packages[name]?.state === state)
    if (found.length === 0) continue
    print(text)
    for (const name of found) print(` ${name.padEnd(20)} ${(packages[name]?.summary ?? '').slice(0, 55)}`)
    print('')
  }
}

function configurePending(root: string, names: readonly string[]): number {
  const lock = takeLock(root, 'dpkgLock', 'dpkg')
  if ('holder' in lock) {
    complain(`dpkg: error: dpkg frontend lock was locked by another process with pid ${lock.holder.pid}`)
    complain('Note: removing the lock file is always wrong, can damage the locked area\nand the entire system. See <https://wiki.debian.org/Teams/Dpkg/FAQ#db-lock>.')
    return 2
  }
  const broken: string[] = []
  try {
    const pending = Object.entries(readDatabase(root).packages).filter(([name, { state }]) =>
      (state === 'unpacked' || state === 'half-configured') && (names.includes('-a') || names.includes('--pending') || names.includes(name)))
    for (const [name, { version }] of pending) {
      print(`Setting up ${name} (${version}) ...`)
      if (takeFault(root, 'apt-fails') === undefined) configure(root, name)
      else {
        complain(`dpkg: error processing package ${name} (--configure):\n installed ${name} package post-installation script subprocess returned error exit status 1`)
        broken.push(name)
      }
    }
    writeDatabase(root, { packages: readDatabase(root).packages })
  } finally {
    lock.release()
  }
  if (broken.length > 0) complain(`Errors were encountered while processing:\n${broken.map((name) => ` ${name}`).join('\n')}`)
  return broken.length > 0 ? 1 : 0
}

const abbreviations: Record<PackageState, string> = { installed: 'i ', 'half-installed': 'HR', unpacked: 'U ', 'half-configured': 'F ' }

export function dpkgQuery(root: string, args: readonly string[]): number {
  const { packages } = readDatabase(root)
  let format = '${Package}\\t${Version}\\n'
  const names: string[] = []
  let shows = false
  const rest = [...args]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-W' || word === '--show') shows = true
    else if (word === '-f' || word === '--showformat') format = rest.shift() ?? ''
    else if (word.startsWith('-f=') || word.startsWith('--showformat=')) format = word.slice(word.indexOf('=') + 1)
    else if (word.startsWith('-f')) format = word.slice(2)
    else if (!word.startsWith('-')) names.push(word)
  }
  if (!shows) {
    complain('dpkg-query: error: need an action option')
    return 2
  }
  const matches = (pattern: string): string[] => {
    const expression = new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`)
    return Object.keys(packages).filter((name) => expression.test(name))
  }
  const absent = names.filter((name) => matches(name).length === 0)
  const chosen = names.length === 0 ? Object.keys(packages) : [...new Set(names.flatMap(matches))]
  for (const name of chosen.sort()) {
    const found = packages[name]
    if (found !== undefined) process.stdout.write(render(format, name, found))
  }
  for (const name of absent) complain(`dpkg-query: no packages found matching ${name}`)
  return absent.length > 0 ? 1 : 0
}

function render(format: string, name: string, { version, architecture, summary, state, held }: InstalledPackage): string {
  const status = abbreviations[state]
  const reinstall = state === 'half-installed'
  const fields: Record<string, string> = {
    'Package': name,
    'binary:Package': name,
    'source:Package': name,
    'Version': version,
    'Architecture': architecture,
    'binary:Summary': summary,
    'Status': `${held === true ? 'hold' : 'install'} ${reinstall ? 'reinstreq' : 'ok'} ${state}`,
    'db:Status-Status': state,
    'db:Status-Want': held === true ? 'hold' : 'install',
    'db:Status-Abbrev': `${held === true ? 'h' : 'i'}${status}`
  }
  return format.replace(/\\([tnr\\])|\$\{([^}]+)\}/g, (_whole, escaped: string | undefined, field: string | undefined) =>
    escaped === undefined ? fields[field ?? ''] ?? '' : { t: '\t', n: '\n', r: '\r' }[escaped] ?? escaped)
}

export function aptMark(root: string, args: readonly string[]): number {
  const [verb = '', ...names] = args
  const { packages } = readDatabase(root)
  switch (verb) {
    case 'showhold':
      for (const name of Object.keys(packages).sort()) if (packages[name]?.held === true) print(name)
      return 0
    case 'hold':
    case 'unhold': {
      const unknown = names.find((name) => packages[name] === undefined)
      if (unknown !== undefined) {
        complain(`E: Unable to locate package ${unknown}`)
        return 100
      }
      for (const name of names) {
        changePackage(root, name, { held: verb === 'hold' })
        print(verb === 'hold' ? `${name} set on hold.` : `Canceled hold on ${name}.`)
      }
      return 0
    }
    default:
      complain(`E: Invalid operation ${verb}`)
      return 100
  }
}
