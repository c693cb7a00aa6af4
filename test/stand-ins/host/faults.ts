// What shall go wrong on a host: etc/faults.json, name → options and how often. Taking a fault counts it down
// durably before it has its effect, so that it never strikes once more than was asked for. Several processes of a
// host take faults, so a lock file keeps their changes apart.
import { closeSync, openSync, rmSync, statSync } from 'node:fs'
import { at } from './host-layout.ts'
import { readJson, writeJson } from './durable-file.ts'

export interface FaultOptions {
  // The machine, at its next boot unless said otherwise.
  /** Stays off after the next reboot, until powerOn(). */
  'never-back': object
  'slow-boot': { readonly ms: number }
  /** Power is cut `ms` after the fault was put in (or after boot). */
  'spontaneous-reboot': { readonly ms: number }
  /** Power is cut `ms` after a boot that was ordered: the host boots a second time. */
  'second-reboot-after-boot': { readonly ms: number }
  /** The storage folders of that boot are empty ones. */
  'data-disk-missing': object
  /** The boot loader starts the second newest kernel. */
  'old-kernel': object
  // Gitaly, at its next start.
  /** A level=error line while it starts; it serves all the same. */
  'startup-error': { readonly message?: string, readonly error?: string }
  /** Ends with "unclean Gitaly shutdown: MESSAGE" and exit 1: a crash loop while it lasts. */
  'fatal': { readonly message?: string }
  'slow-start': { readonly ms: number }
  /** TERM has no effect; only KILL ends it. */
  'hang-on-stop': object
  /** Storages are read-only while this run lasts. */
  'read-only-storage': object
  /** Listens, but health says NOT_SERVING. */
  'not-serving': object
  // apt, at the next install.
  /** The post-installation script of `package` (default: the last one) fails: exit 100, half-configured. */
  'apt-fails': { readonly package?: string }
  /** apt-get is killed in the middle: dpkg was interrupted. */
  'apt-interrupted': { readonly package?: string }
  /** Another process has the dpkg lock for `ms`, for ever without. */
  'dpkg-lock-held': { readonly ms?: number, readonly process?: string }
  'slow-apt': { readonly ms: number }
}

export type FaultName = keyof FaultOptions
type Stored = { [N in FaultName]?: FaultOptions[N] & { times: number | 'always' } }

/** @param times how often it strikes; 'always' until removed. */
export function putFault<N extends FaultName>(root: string, name: N, options: FaultOptions[N], times: number | 'always'): void {
  change(root, (faults) => ({ ...faults, [name]: { ...options, times } }))
}

export function removeFault(root: string, name: FaultName): void {
  change(root, (faults) => ({ ...faults, [name]: undefined }))
}

const pendingFaults = (root: string): Stored => readJson<Stored>(at(root, 'faults'), {})

/** The options when the fault strikes now; it has then been counted down. */
export function takeFault<N extends FaultName>(root: string, name: N): FaultOptions[N] | undefined {
  if (pendingFaults(root)[name] === undefined) return undefined
  let taken: FaultOptions[N] | undefined
  change(root, ({ [name]: fault, ...others }) => {
    if (fault === undefined) return others
    const { times }: { times: number | 'always' } = fault
    taken = fault
    if (times === 'always') return { ...others, [name]: fault }
    return times > 1 ? { ...others, [name]: { ...fault, times: times - 1 } } : others
  })
  return taken
}

function change(root: string, next: (faults: Stored) => Stored): void {
  const path = at(root, 'faults')
  const lock = `${path}.lock`
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let tries = 0; ; tries++) {
    try {
      closeSync(openSync(lock, 'wx'))
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      // A killed process may have left it; a change takes a few milliseconds.
      if (tries >= 100 || abandoned(lock)) rmSync(lock, { force: true })
      Atomics.wait(pause, 0, 0, 5)
    }
  }
  try {
    writeJson(path, next(pendingFaults(root)))
  } finally {
    rmSync(lock, { force: true })
  }
}

function abandoned(lock: string): boolean {
  return Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 1000
}
