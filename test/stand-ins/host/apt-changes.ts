// apt-get at work: archives are downloaded, then dpkg unpacks and configures. Each package takes its share of aptMs, and
// the database is written at every step, so that a kill at any moment leaves the half states a real one leaves.
import { existsSync, mkdirSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { archiveContent, archiveName } from './apt-lists.ts'
import { AptError, type AptRequest, print } from './apt-request.ts'
import type { Step } from './apt-selection.ts'
import { takeFault } from './faults.ts'
import { at, readSettings } from './host-layout.ts'
import { type AvailablePackage, changePackage, readDatabase, writeDatabase } from './package-database.ts'
import { configure } from './post-installation.ts'

export async function carryOut(root: string, request: AptRequest, steps: readonly Step[], pending: readonly string[]): Promise<number> {
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
  const missing = steps.filter(({ to }) => to.local === undefined && !existsSync(archive(root, to)))
  const kilobytes = (some: readonly Step[]): number => some.reduce((sum, { to }) => sum + (to.size ?? 100), 0)
  if (steps.length === 0) return
  const all = `${kilobytes(steps).toLocaleString('en')} kB`
  print(`Need to get ${missing.length === steps.length ? all : `${kilobytes(missing).toLocaleString('en')} ${missing.length === 0 ? 'B' : 'kB'}/${all}`} of archives.`)
  print('After this operation, 0 B of additional disk space will be used.')
  for (const [index, { to }] of missing.entries()) {
    status(`dlstatus:1:${(100 * index / missing.length).toFixed(4)}:Retrieving file ${index + 1} of ${missing.length}`)
    print(`Get:${index + 1} http://deb.debian.org/debian bookworm/main ${to.architecture} ${to.name} ${to.architecture} ${to.version} [${to.size ?? 100} kB]`)
    await sleep(ms / missing.length)
    writeFileSync(archive(root, to), archiveContent(to))
  }
  if (missing.length > 0) {
    status(`dlstatus:1:100.0000:Retrieving file ${missing.length} of ${missing.length}`)
    print(`Fetched ${kilobytes(missing).toLocaleString('en')} kB in 0s (8,340 kB/s)`)
  }
}

const archive = (root: string, entry: AvailablePackage): string => `${at(root, 'archives')}/${archiveName(entry)}`

function statusLines(request: AptRequest): (line: string) => void {
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
async function runDpkg(root: string, request: AptRequest, steps: readonly Step[], pending: readonly string[], status: (line: string) => void,
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
    for (const line of configure(root, name)) print(line)
    progress(name, `Installed ${name} (${architecture})`)
  }
  const { packages } = readDatabase(root)
  writeDatabase(root, { packages })
  if (broken.length === 0) return 0
  process.stderr.write(`Errors were encountered while processing:\n${broken.map((name) => ` ${name}\n`).join('')}`)
  throw new AptError('Sub-process /usr/bin/dpkg returned an error code (1)')
}
