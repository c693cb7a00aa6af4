// Where this agent's own apt works: its own lists, its own archives, beside the host's. So nobody else's lock is in the way, no
// `apt-get clean`, docker-clean or refresh of the host's lists takes away what was staged, and a run of ours leaves
// the host's own as they were. All of it may be deleted at any time: then it is staged again.
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface AptDirectories {
  readonly base: string
  readonly lists: string
  /** Always empty: for a run that knows nothing but staged packages. */
  readonly noLists: string
  readonly cache: string
  readonly download: string
  readonly staged: string
  readonly preferences: string
}

export function aptDirectories(root: string): AptDirectories {
  const base = join(root, '/var/cache/pitstop-agent/apt')
  return {
    base,
    lists: `${base}/lists`,
    noLists: `${base}/no-lists`,
    cache: `${base}/cache`,
    download: `${base}/download`,
    staged: `${base}/staged`,
    preferences: `${base}/preferences`
  }
}

/** @param excluded packages that apt shall leave as they are, or not there, whatever else needs. */
export function prepareDirectories(root: string, excluded: readonly string[]): AptDirectories {
  const directories = aptDirectories(root)
  for (const each of ['/lists', '/no-lists', '/cache/archives', '/download', '/staged']) mkdirSync(`${directories.base}${each}`, { recursive: true, mode: 0o755 })
  // apt drops its rights to _apt before it talks to the network: that user must get here, and write where it downloads.
  for (const each of [join(directories.base, '..'), directories.base]) openToAll(each)
  const sandbox = sandboxUser(root)
  if (sandbox !== undefined && process.getuid?.() === 0) chownSync(directories.download, sandbox, 0)
  const host = join(root, '/etc/apt/preferences')
  writeFileSync(directories.preferences, `${pins(excluded)}${existsSync(host) ? readFileSync(host, 'utf8') : ''}`)
  return directories
}

/** The service manager makes the agent's cache private at each start; there is nothing secret in it. */
function openToAll(directory: string): void {
  const { mode } = statSync(directory)
  if ((mode & 0o011) !== 0o011) chmodSync(directory, (mode & 0o777) | 0o011)
}

function sandboxUser(root: string): number | undefined {
  const passwd = join(root, '/etc/passwd')
  const line = existsSync(passwd) ? readFileSync(passwd, 'utf8').split('\n').find((each) => each.startsWith('_apt:')) : undefined
  return line === undefined ? undefined : Number(line.split(':')[2])
}

/** No version of these is a candidate: apt leaves them alone by itself, and what needs them newer is kept back with them. */
const pins = (excluded: readonly string[]): string =>
  excluded.length === 0 ? '' : `Package: ${excluded.join(' ')}\nPin: release *\nPin-Priority: -1\n\n`

export function emptyDownloads({ download }: AptDirectories): void {
  const { uid, gid } = statSync(download)
  rmSync(download, { recursive: true, force: true })
  mkdirSync(download, { mode: 0o755 })
  if (process.getuid?.() === 0) chownSync(download, uid, gid)
}
