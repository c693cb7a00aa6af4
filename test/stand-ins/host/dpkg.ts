// dpkg, dpkg-query and apt-mark of a stand-in host, with the words and exit codes of Debian 12. Answers, prints
// nothing: the machine and command.ts both call this.
import { relationHolds } from './debian-version.ts'
import { configure } from './post-installation.ts'
import { takeFault } from './faults.ts'
import { readSettings } from './host-layout.ts'
import type { Answer } from './pid1-question.ts'
import { type InstalledPackage, type PackageState, changePackage, readDatabase, takeLock, writeDatabase } from './package-database.ts'

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('')
const say = (exit: number, ...all: readonly string[]): Answer => ({ stdout: lines(all), stderr: '', exit })
const refuse = (exit: number, ...all: readonly string[]): Answer => ({ stdout: '', stderr: lines(all), exit })

export function dpkg(root: string, args: readonly string[]): Answer {
  const [verb = '', ...rest] = args
  switch (verb) {
    case '--print-architecture': return say(0, readSettings(root).architecture)
    case '--compare-versions': {
      const holds = relationHolds(rest[0] ?? '', rest[1] ?? '', rest[2] ?? '')
      return holds === undefined ? refuse(2, 'dpkg: error: --compare-versions bad relation') : say(holds ? 0 : 1)
    }
    case '--audit':
    case '-C': return audit(root)
    case '--configure': return configurePending(root, rest)
    default: return refuse(2, `dpkg: error: unknown option ${verb}`)
  }
}

const auditTexts: readonly (readonly [PackageState, string])[] = [
  ['half-installed', 'The following packages are in a mess due to serious problems during\ninstallation.  They must be reinstalled for them (and any packages\nthat depend on them) to function properly:'],
  ['unpacked', 'The following packages have been unpacked but not yet configured.\nThey must be configured using dpkg --configure or the configure\nmenu option in dselect for them to work:'],
  ['half-configured', 'The following packages are only half configured, probably due to problems\nconfiguring them the first time.  The configuration should be retried using\ndpkg --configure <package> or the configure menu option in dselect:']
]

/** Exit 0 whatever it finds, as the real one: only its output tells. */
function audit(root: string): Answer {
  const { packages } = readDatabase(root)
  return say(0, ...auditTexts.flatMap(([state, text]) => {
    const found = Object.keys(packages).sort().filter((name) => packages[name]?.state === state)
    if (found.length === 0) return []
    return [text, ...found.map((name) => ` ${name.padEnd(20)} ${(packages[name]?.summary ?? '').slice(0, 55)}`), '']
  }))
}

function configurePending(root: string, names: readonly string[]): Answer {
  const lock = takeLock(root, 'dpkgLock', 'dpkg')
  if ('holder' in lock) {
    return refuse(2, `dpkg: error: dpkg frontend lock was locked by another process with pid ${lock.holder.pid}`,
      'Note: removing the lock file is always wrong, can damage the locked area\nand the entire system. See <https://wiki.debian.org/Teams/Dpkg/FAQ#db-lock>.')
  }
  const [said, problems, broken] = [[] as string[], [] as string[], [] as string[]]
  try {
    const pending = Object.entries(readDatabase(root).packages).filter(([name, { state }]) =>
      (state === 'unpacked' || state === 'half-configured') && (names.includes('-a') || names.includes('--pending') || names.includes(name)))
    for (const [name, { version }] of pending) {
      said.push(`Setting up ${name} (${version}) ...`)
      if (takeFault(root, 'apt-fails') === undefined) said.push(...configure(root, name))
      else {
        problems.push(`dpkg: error processing package ${name} (--configure):\n installed ${name} package post-installation script subprocess returned error exit status 1`)
        broken.push(name)
      }
    }
    writeDatabase(root, { packages: readDatabase(root).packages })
  } finally {
    lock.release()
  }
  if (broken.length > 0) problems.push(`Errors were encountered while processing:\n${broken.map((name) => ` ${name}`).join('\n')}`)
  return { stdout: lines(said), stderr: lines(problems), exit: broken.length > 0 ? 1 : 0 }
}

const abbreviations: Record<PackageState, string> = { installed: 'i ', 'half-installed': 'HR', unpacked: 'U ', 'half-configured': 'F ' }

export function dpkgQuery(root: string, args: readonly string[]): Answer {
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
  if (!shows) return refuse(2, 'dpkg-query: error: need an action option')
  const matches = (pattern: string): string[] => {
    const expression = new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`)
    return Object.keys(packages).filter((name) => expression.test(name))
  }
  const absent = names.filter((name) => matches(name).length === 0)
  const chosen = names.length === 0 ? Object.keys(packages) : [...new Set(names.flatMap(matches))]
  return {
    stdout: chosen.sort().map((name) => packages[name] === undefined ? '' : render(format, name, packages[name])).join(''),
    stderr: lines(absent.map((name) => `dpkg-query: no packages found matching ${name}`)),
    exit: absent.length > 0 ? 1 : 0
  }
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

export function aptMark(root: string, args: readonly string[]): Answer {
  const [verb = '', ...names] = args
  const { packages } = readDatabase(root)
  switch (verb) {
    case 'showhold': return say(0, ...Object.keys(packages).sort().filter((name) => packages[name]?.held === true))
    case 'hold':
    case 'unhold': {
      const unknown = names.find((name) => packages[name] === undefined)
      if (unknown !== undefined) return refuse(100, `E: Unable to locate package ${unknown}`)
      for (const name of names) changePackage(root, name, { held: verb === 'hold' })
      return say(0, ...names.map((name) => (verb === 'hold' ? `${name} set on hold.` : `Canceled hold on ${name}.`)))
    }
    default: return refuse(100, `E: Invalid operation ${verb}`)
  }
}
