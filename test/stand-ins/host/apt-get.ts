// apt-get of a stand-in host: the texts, exit codes and status lines of apt 2.6 on Debian 12, over the database of
// package-database.ts. It resolves names the simple way (a candidate is the highest version) but refuses what the
// real one refuses: unknown versions, held packages, downgrades, a taken lock, an interrupted dpkg.
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { compareVersions } from './debian-version.ts'
import { takeFault } from './faults.ts'
import { at, readSettings } from './host-layout.ts'
import {
  type AvailablePackage, type InstalledPackage, candidateOf, changePackage, readDatabase, readLists, takeLock, wasInterrupted,
  writeDatabase
} from './package-database.ts'

interface Request {
  verb: string
  names: string[]
  simulate: boolean
  yes: boolean
  downloadOnly: boolean
  newPackages: boolean
  fixBroken: boolean
  allowDowngrades: boolean
  allowHeld: boolean
  options: Map<string, string>
  /** Called just before this process kills itself for a fault. */
  cutOff: () => void
}

/** A change apt has decided on. */
interface Step { readonly to: AvailablePackage, readonly from: InstalledPackage | undefined }

interface Selection {
  readonly steps: readonly Step[]
  /** Offered anew, not taken; only an upgrade names them. */
  readonly kept: readonly string[]
  readonly namesKept: boolean
  readonly notes: readonly string[]
}

class AptError extends Error {}

const print = (line: string): void => { process.stdout.write(`${line}\n`) }

/** @param cutOff called just before the process kills itself for the fault apt-interrupted. */
export async function aptGet(root: string, args: readonly string[], cutOff: () => void): Promise<number> {
  try {
    const request = { ...parse(args), cutOff }
    switch (request.verb) {
      case 'update': return await update(root, request)
      case 'upgrade':
      case 'install': return await change(root, request)
      default: throw new AptError(request.verb === '' ? 'Invalid operation ' : `Invalid operation ${request.verb}`)
    }
  } catch (error) {
    if (!(error instanceof AptError)) throw error
    for (const line of error.message.split('\n')) process.stderr.write(/^[NW]: /.test(line) ? `${line}\n` : `E: ${line}\n`)
    return 100
  }
}

function parse(args: readonly string[]): Request {
  const request: Request = {
    verb: '', names: [], simulate: false, yes: false, downloadOnly: false, newPackages: false, fixBroken: false,
    allowDowngrades: false, allowHeld: false, options: new Map(), cutOff: () => undefined
  }
  const rest = [...args]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-o' || word === '--option') setOption(request, rest.shift() ?? '')
    else if (word.startsWith('-o')) setOption(request, word.slice(2))
    else if (word === '-s' || word === '--simulate' || word === '--dry-run' || word === '--just-print') request.simulate = true
    else if (word === '-y' || word === '--yes' || word === '--assume-yes') request.yes = true
    else if (word === '-d' || word === '--download-only') request.downloadOnly = true
    else if (word === '-f' || word === '--fix-broken') request.fixBroken = true
    else if (word === '--with-new-pkgs') request.newPackages = true
    else if (word === '--allow-downgrades') request.allowDowngrades = true
    else if (word === '--allow-change-held-packages') request.allowHeld = true
    else if (/^(?:-q+|--quiet|-q=\d|--no-remove|--no-install-recommends|--only-upgrade|--no-allow-insecure-repositories|--)$/.test(word)) continue
    else if (word.startsWith('-')) throw new AptError(`Command line option ${word} is not understood in combination with the other options`)
    else if (request.verb === '') request.verb = word
    else request.names.push(word)
  }
  return request
}

function setOption(request: Request, text: string): void {
  const equals = text.indexOf('=')
  if (equals < 0) throw new AptError(`Option ${text}: Configuration item specification must have an =<val>.`)
  request.options.set(text.slice(0, equals).toLowerCase(), text.slice(equals + 1))
}

async function update(root: string, request: Request): Promise<number> {
  await locked(root, 'listsLock', request, async () => {
    await sleep(readSettings(root).aptMs / 4)
    print('Hit:1 http://deb.debian.org/debian bookworm InRelease')
    print('Get:2 http://deb.debian.org/debian-security bookworm-security InRelease [48.0 kB]')
    copyFileSync(at(root, 'repository'), at(root, 'lists'))
    print('Fetched 48.0 kB in 0s (412 kB/s)')
    print('Reading package lists...')
    return 0
  })
  return 0
}

async function change(root: string, request: Request): Promise<number> {
  const work = async (): Promise<number> => {
    await sleep(readSettings(root).aptMs / 10)
    print('Reading package lists...')
    print('Building dependency tree...')
    print('Reading state information...')
    const selection = request.verb === 'upgrade' ? selectUpgrade(root, request) : selectNamed(root, request)
    const pending = describe(root, selection)
    if (request.simulate) {
      for (const { to, from } of selection.steps) print(`Inst ${to.name} ${from === undefined ? '' : `[${from.version}] `}(${source(to)})${endMark(to)}`)
      for (const { to } of selection.steps) print(`Conf ${to.name} (${source(to)})`)
      for (const [name, { version, architecture }] of pending) print(`Conf ${name} (${version} now [${architecture}])`)
      return 0
    }
    return await carryOut(root, request, selection.steps, pending.map(([name]) => name))
  }
  return request.simulate ? await work() : await locked(root, 'dpkgLock', request, work)
}

const source = ({ version, release, architecture }: AvailablePackage): string => `${version} ${release} [${architecture}]`

/** apt adds the packages that a step leaves broken for a moment; most often none, printed as []. */
const endMark = ({ depends }: AvailablePackage): string => (depends !== undefined && depends.length > 0 ? ' []' : '')

function selectUpgrade(root: string, request: Request): Selection {
  print('Calculating upgrade...')
  const [{ packages }, lists] = [readDatabase(root), readLists(root)]
  const steps = new Map<string, Step>()
  const kept: string[] = []
  for (const name of Object.keys(packages).sort()) {
    const [from, to] = [packages[name], candidateOf(lists, name)]
    if (from === undefined || to === undefined || compareVersions(to.version, from.version) <= 0) continue
    const needed = missingFor(root, to, lists)
    if (from.held === true || (needed.some((step) => step.from === undefined) && !request.newPackages)) kept.push(name)
    else for (const step of [...needed, { to, from }]) steps.set(step.to.name, step)
  }
  return { steps: [...steps.values()], kept, namesKept: true, notes: [] }
}

function selectNamed(root: string, request: Request): Selection {
  const [{ packages }, lists] = [readDatabase(root), readLists(root)]
  const steps = new Map<string, Step>()
  const notes: string[] = []
  for (const word of request.names) {
    const [name = '', version] = word.split('=')
    const from = packages[name]
    const offered = lists.filter((entry) => entry.name === name)
    const to = version === undefined ? candidateOf(lists, name) : offered.find((entry) => entry.version === version)
    if (from !== undefined && from.version === (version ?? to?.version) && from.state !== 'half-installed') {
      notes.push(`${name} is already the newest version (${from.version}).`)
      continue
    }
    if (offered.length === 0 && from === undefined) throw new AptError(`Unable to locate package ${name}`)
    if (to === undefined) throw new AptError(`Version '${version ?? ''}' for '${name}' was not found`)
    if (from?.held === true && request.yes && !request.allowHeld) {
      throw new AptError('Held packages were changed and -y was used without --allow-change-held-packages.')
    }
    if (from !== undefined && compareVersions(to.version, from.version) < 0 && request.yes && !request.allowDowngrades) {
      throw new AptError('Packages were downgraded and -y was used without --allow-downgrades.')
    }
    for (const step of [...missingFor(root, to, lists), { to, from }]) if (!steps.has(step.to.name)) steps.set(step.to.name, step)
  }
  const kept = Object.keys(packages).filter((name) => {
    const best = candidateOf(lists, name)
    return !steps.has(name) && best !== undefined && compareVersions(best.version, packages[name]?.version ?? '') > 0
  })
  return { steps: [...steps.values()], kept, namesKept: false, notes }
}

/** What a package needs beside itself, one level deep. */
function missingFor(root: string, wanted: AvailablePackage, lists: readonly AvailablePackage[]): Step[] {
  const { packages } = readDatabase(root)
  return (wanted.depends ?? []).flatMap((word) => {
    const [name = '', version] = word.split('=')
    const from = packages[name]
    if (from !== undefined && (version === undefined || compareVersions(from.version, version) >= 0)) return []
    const to = lists.find((entry) => entry.name === name && entry.version === version) ?? candidateOf(lists, name)
    return to === undefined ? [] : [{ to, from }]
  })
}

/** Prints what apt says before it starts. @returns packages left unconfigured by an earlier run. */
function describe(root: string, { steps, kept, namesKept, notes }: Selection): [string, InstalledPackage][] {
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

async function carryOut(root: string, request: Request, steps: readonly Step[], pending: readonly string[]): Promise<number> {
  if (steps.length === 0 && pending.length === 0) return 0
  const total = readSettings(root).aptMs + (takeFault(root, 'slow-apt')?.ms ?? 0)
  const status = statusLines(request)
  await download(root, steps, status, total * 0.3)
  if (request.downloadOnly) {
    print('Download complete and in download only mode')
    return 0
  }
  return await runDpkg(root, request, steps, pending, status, total * 0.7)
}

async function download(root: string, steps: readonly Step[], status: (line: string) => void, ms: number): Promise<void> {
  mkdirSync(at(root, 'archives'), { recursive: true })
  const missing = steps.filter(({ to }) => !existsSync(archive(root, to)))
  const kilobytes = (some: readonly Step[]): number => some.reduce((sum, { to }) => sum + (to.size ?? 100), 0)
  if (steps.length === 0) return
  const all = `${kilobytes(steps).toLocaleString('en')} kB`
  print(`Need to get ${missing.length === steps.length ? all : `${kilobytes(missing).toLocaleString('en')} ${missing.length === 0 ? 'B' : 'kB'}/${all}`} of archives.`)
  print('After this operation, 0 B of additional disk space will be used.')
  for (const [index, { to }] of missing.entries()) {
    status(`dlstatus:1:${(100 * index / missing.length).toFixed(4)}:Retrieving file ${index + 1} of ${missing.length}`)
    print(`Get:${index + 1} http://deb.debian.org/debian bookworm/main ${to.architecture} ${to.name} ${to.architecture} ${to.version} [${to.size ?? 100} kB]`)
    await sleep(ms / missing.length)
    writeFileSync(archive(root, to), '')
  }
  if (missing.length > 0) {
    status(`dlstatus:1:100.0000:Retrieving file ${missing.length} of ${missing.length}`)
    print(`Fetched ${kilobytes(missing).toLocaleString('en')} kB in 0s (8,340 kB/s)`)
  }
}

const archive = (root: string, { name, version, architecture }: AvailablePackage): string =>
  `${at(root, 'archives')}/${name}_${version.replace(':', '%3a')}_${architecture}.deb`

function statusLines(request: Request): (line: string) => void {
  const file = Number(request.options.get('apt::status-fd'))
  if (!Number.isInteger(file) || file < 1) return () => undefined
  return (line) => {
    try {
      writeSync(file, `${line}\n`)
    } catch {
      // Nobody opened that descriptor, or its reader has gone: apt goes on, and so does this.
    }
  }
}

/** dpkg --unpack of all, then --configure of all: between the two, and within each, a kill leaves real half states. */
async function runDpkg(root: string, request: Request, steps: readonly Step[], pending: readonly string[], status: (line: string) => void,
  ms: number): Promise<number> {
  const interrupted = takeFault(root, 'apt-interrupted')
  const failing = takeFault(root, 'apt-fails')
  const toConfigure = [...pending, ...steps.map(({ to }) => to.name)]
  const pause = ms / (steps.length + toConfigure.length)
  const phases = 3 * steps.length + 3 * toConfigure.length
  let phase = 0
  const progress = (name: string, text: string): void => { status(`pmstatus:${name}:${(100 * phase++ / phases).toFixed(4)}:${text}`) }
  writeDatabase(root, { ...readDatabase(root), running: { pid: process.pid } })
  status('pmstatus:dpkg-exec:0.0000:Running dpkg')
  if (steps.length > 0) print('(Reading database ... 38411 files and directories currently installed.)')
  for (const { to, from } of steps) {
    progress(to.name, `Preparing ${to.name} (${to.architecture})`)
    if (from === undefined) print(`Selecting previously unselected package ${to.name}.`)
    print(`Preparing to unpack .../${to.name}_${to.version.replace(':', '%3a')}_${to.architecture}.deb ...`)
    progress(to.name, `Unpacking ${to.name} (${to.architecture})`)
    print(`Unpacking ${to.name} (${to.version}) ${from === undefined ? '...' : `over (${from.version}) ...`}`)
    changePackage(root, to.name, { state: 'half-installed' })
    await sleep(pause)
    changePackage(root, to.name, { state: 'unpacked', version: to.version, architecture: to.architecture, summary: to.summary })
    progress(to.name, `Installing ${to.name} (${to.architecture})`)
  }
  status(`pmstatus:dpkg-exec:${(100 * phase / phases).toFixed(4)}:Running dpkg`)
  const broken: string[] = []
  for (const [index, name] of toConfigure.entries()) {
    const { architecture = 'amd64', version = '' } = readDatabase(root).packages[name] ?? {}
    progress(name, `Preparing to configure ${name} (${architecture})`)
    print(`Setting up ${name} (${version}) ...`)
    progress(name, `Configuring ${name} (${architecture})`)
    changePackage(root, name, { state: 'half-configured' })
    await sleep(pause)
    if (interrupted !== undefined && name === (interrupted.package ?? toConfigure[Math.floor(toConfigure.length / 2)])) {
      request.cutOff()
      process.kill(process.pid, 'SIGKILL')
    }
    if (failing !== undefined && name === (failing.package ?? toConfigure[toConfigure.length - 1])) {
      const text = `installed ${name} package post-installation script subprocess returned error exit status 1`
      process.stderr.write(`dpkg: error processing package ${name} (--configure):\n ${text}\n`)
      status(`pmerror:${name}:${(100 * index / toConfigure.length).toFixed(4)}:${text}`)
      broken.push(name)
      continue
    }
    configure(root, name)
    progress(name, `Installed ${name} (${architecture})`)
  }
  const { packages } = readDatabase(root)
  writeDatabase(root, { packages })
  if (broken.length === 0) return 0
  process.stderr.write(`Errors were encountered while processing:\n${broken.map((name) => ` ${name}\n`).join('')}`)
  throw new AptError('Sub-process /usr/bin/dpkg returned an error code (1)')
}

/** The post-installation script: a kernel gets its files in /boot and asks for a reboot. */
export function configure(root: string, name: string): void {
  const { version = '' } = readDatabase(root).packages[name] ?? {}
  const kernel = /^linux-image-(\d.*)$/.exec(name)?.[1]
  if (kernel !== undefined) {
    mkdirSync(at(root, 'boot'), { recursive: true })
    writeFileSync(`${at(root, 'boot')}/vmlinuz-${kernel}`, `kernel ${kernel} ${version}\n`)
    print('I: /initrd.img is now a symlink to boot/initrd.img-' + kernel)
    writeFileSync(`${at(root, 'boot')}/initrd.img-${kernel}`, `initrd ${kernel} ${version}\n`)
  }
  const asks = readLists(root).some((entry) => entry.name === name && entry.version === version && entry.rebootRequired === true)
  if (kernel !== undefined || asks) {
    writeFileSync(at(root, 'rebootRequired'), '*** System restart required ***\n')
    appendFileSync(`${at(root, 'rebootRequired')}.pkgs`, `${name}\n`)
  }
  changePackage(root, name, { state: 'installed' })
}

export const kernelsIn = (root: string): string[] =>
  (existsSync(at(root, 'boot')) ? readdirSync(at(root, 'boot')) : []).filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => name.slice('vmlinuz-'.length)).sort(compareVersions)

/** Runs under a lock as apt does: DPkg::Lock::Timeout seconds of patience, -1 for ever, then exit 100. */
async function locked(root: string, place: 'dpkgLock' | 'listsLock', request: Request, work: () => Promise<number>): Promise<number> {
  const patience = Number(request.options.get('dpkg::lock::timeout') ?? 0)
  const deadline = patience < 0 ? Infinity : Date.now() + patience * 1000
  const path = place === 'dpkgLock' ? '/var/lib/dpkg/lock-frontend' : '/var/lib/apt/lists/lock'
  let told = false
  for (;;) {
    const lock = takeLock(root, place, 'apt-get')
    if ('release' in lock) {
      process.on('exit', lock.release)
      try {
        if (place === 'dpkgLock' && wasInterrupted(readDatabase(root))) {
          throw new AptError("dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ")
        }
        return await work()
      } finally {
        lock.release()
      }
    }
    const held = `Could not get lock ${path}. It is held by process ${lock.holder.pid} (${lock.holder.name})`
    if (Date.now() >= deadline) {
      throw new AptError(`${held}\nN: Be aware that removing the lock file is not a solution and may break your system.\n${
        place === 'dpkgLock' ? `Unable to acquire the dpkg frontend lock (${path}), is another process using it?` : 'Unable to lock directory /var/lib/apt/lists/'}`)
    }
    if (!told) print(`Waiting for cache lock: ${held}...`)
    told = true
    await sleep(Math.min(200, Math.max(1, deadline - Date.now())))
  }
}
