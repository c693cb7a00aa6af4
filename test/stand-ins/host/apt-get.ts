// apt-get of a stand-in host: the texts, exit codes and status lines of apt 2.6 on Debian 12, over the database of
// package-database.ts. A process of its own: its lock, its time and its sudden end are real.
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { carryOut } from './apt-changes.ts'
import { locked } from './apt-lock.ts'
import { archiveContent, archiveName, listsFile, requireWholeFiles, visiblePackages } from './apt-lists.ts'
import { AptError, type AptRequest, parseRequest, print } from './apt-request.ts'
import { selectNamed, selectUpgrade } from './apt-selection.ts'
import { printSelection, printSimulation } from './apt-summary.ts'
import { at, readSettings } from './host-layout.ts'

/** @param cutOff called just before the process kills itself for the fault apt-interrupted. */
export async function aptGet(root: string, args: readonly string[], cutOff: () => void): Promise<number> {
  try {
    const request = parseRequest(args, cutOff)
    switch (request.verb) {
      case 'update': return await update(root, request)
      case 'download': return await download(root, request)
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

async function update(root: string, request: AptRequest): Promise<number> {
  const own = request.options.get('dir::state::lists')
  const work = async (): Promise<number> => {
    await sleep(readSettings(root).aptMs / 4)
    print('Hit:1 http://deb.debian.org/debian bookworm InRelease')
    print('Get:2 http://deb.debian.org/debian-security bookworm-security InRelease [48.0 kB]')
    const target = listsFile(root, own)
    if (!existsSync(dirname(target))) throw new AptError(`List directory ${dirname(target)}/partial is missing. - Acquire (2: No such file or directory)`)
    copyFileSync(at(root, 'repository'), target)
    print('Fetched 48.0 kB in 0s (412 kB/s)')
    print('Reading package lists...')
    return 0
  }
  // Lists of somebody's own have a lock of their own.
  return own === undefined ? await locked(root, 'listsLock', request, work) : await work()
}

/** Into the directory that it was called in; needs no lock. */
async function download(root: string, request: AptRequest): Promise<number> {
  const known = visiblePackages(root, request)
  const wanted = request.names.map((word) => {
    const found = known.find(({ name, version }) => word === `${name}=${version}`)
    if (found === undefined) throw new AptError(`Version '${word.split('=')[1] ?? ''}' for '${word.split('=')[0] ?? ''}' was not found`)
    return found
  })
  for (const [index, entry] of wanted.entries()) {
    print(`Get:${index + 1} http://deb.debian.org/debian bookworm/main ${entry.architecture} ${entry.name} ${entry.architecture} ${entry.version} [${entry.size ?? 100} kB]`)
    await sleep(readSettings(root).aptMs * 0.3 / wanted.length)
    writeFileSync(join(process.cwd(), archiveName(entry)), archiveContent(entry))
  }
  return 0
}

async function change(root: string, request: AptRequest): Promise<number> {
  const work = async (): Promise<number> => {
    await sleep(readSettings(root).aptMs / 10)
    print('Reading package lists...')
    print('Building dependency tree...')
    print('Reading state information...')
    if (request.verb === 'upgrade') print('Calculating upgrade...')
    const selection = request.verb === 'upgrade' ? selectUpgrade(root, request) : selectNamed(root, request)
    const pending = printSelection(root, selection)
    if (!request.simulate) requireWholeFiles(selection.steps.map(({ to }) => to))
    if (!request.simulate) return await carryOut(root, request, selection.steps, pending.map(([name]) => name))
    printSimulation(selection, pending)
    return 0
  }
  return request.simulate ? await work() : await locked(root, 'dpkgLock', request, work)
}
