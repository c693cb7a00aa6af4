// What a boot leaves in the files of a stand-in host: an empty /run, no locks, the data disk, the boot's id and kernel,
// and an uptime that goes on.
import { mkdirSync, openSync, readdirSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { mountDataDisk, setDataDiskAside } from './data-disk.ts'
import { takeFault } from './faults.ts'
import { at, type MachineSettings } from './host-layout.ts'
import { kernelsIn } from './kernel-files.ts'

/** @returns the kernel that was started. */
export function writeBootFiles(root: string, settings: MachineSettings, bootId: string): string {
  const kernels = kernelsIn(root)
  const older = kernels.length > 1 && takeFault(root, 'old-kernel') !== undefined
  const kernel = kernels[kernels.length - (older ? 2 : 1)] ?? '0.0.0-none'
  const run = at(root, 'run')
  mkdirSync(run, { recursive: true })
  for (const entry of readdirSync(run)) rmSync(`${run}/${entry}`, { recursive: true, force: true })
  for (const place of ['dpkgLock', 'listsLock'] as const) rmSync(at(root, place), { force: true })
  writeFileSync(`${run}/machine.json`, JSON.stringify({ pid: process.pid }))
  mountDataDisk(root, settings)
  if (takeFault(root, 'data-disk-missing') !== undefined) setDataDiskAside(root, settings)
  mkdirSync(dirname(at(root, 'bootId')), { recursive: true })
  replace(at(root, 'bootId'), `${bootId}\n`)
  replace(at(root, 'kernel'), `${kernel}\n`)
  return kernel
}

/** At once for every reader; nothing in /proc is on a disk, so nothing is synced. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

/** @returns the timer that keeps it going. */
export function keepUptime(root: string): NodeJS.Timeout {
  const bootedAt = performance.now()
  writeFileSync(at(root, 'stat'), `cpu  0 0 0 0 0 0 0 0 0 0\nbtime ${Math.floor(Date.now() / 1000)}\n`)
  rmSync(at(root, 'uptime'), { force: true })
  const file = openSync(at(root, 'uptime'), 'w', 0o444)
  // Written in place, never shorter than before: a reader sees no empty file.
  const write = (): void => {
    const uptime = ((performance.now() - bootedAt) / 1000).toFixed(2)
    writeSync(file, `${uptime} ${uptime}\n`, 0)
  }
  write()
  // An agent that reads it late for the first time counts up to so much more health than there was.
  return setInterval(write, 50)
}
