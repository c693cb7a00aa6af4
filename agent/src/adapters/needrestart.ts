// needrestart(1): what runs with files that are no longer on the disk. It walks through all processes, for seconds on a busy
// host: never inside an outage. Lists only; must never restart anything.
import { accessSync, constants, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asFault, chain } from '@pitstop/shared/fault'
import { type NeedrestartReading, parseNeedrestart } from '../domain/needrestart.ts'
import type { Known } from '../domain/veto.ts'
import type { HostSettings, RunCommand } from '../ports.ts'
import { outputOf } from './run-command.ts'

const deadlineMs = 60_000

/**
 * The host's own, but scripts are never looked into: for that needrestart runs interpreters as root with what a process's owner
 * controls (CVE-2024-48990 and its kin). Perl, read by needrestart as root.
 */
const configuration = `if (-r '/etc/needrestart/needrestart.conf') {
  eval do { local(@ARGV, $/) = '/etc/needrestart/needrestart.conf'; <> };
  die "Error parsing /etc/needrestart/needrestart.conf: $@" if ($@);
}
$nrconf{interpscan} = 0;
`

/** undefined = not installed, which is fine. */
export async function askNeedrestart(run: RunCommand, { root, path }: Pick<HostSettings, 'root' | 'path'>): Promise<Known<NeedrestartReading> | undefined> {
  if (!path.some((folder) => isExecutable(join(folder, 'needrestart')))) return undefined
  try {
    const text = await outputOf(run, { argv: ['needrestart', '-b', '-r', 'l', '-c', writeConfiguration(root)], deadlineMs })
    const value = parseNeedrestart(text)
    return value === undefined ? { unknown: `its output is not understood: ${text.trim().slice(0, 200)}` } : { value }
  } catch (error) { return { unknown: chain(asFault(error)) } }
}

/** Agent and units may write it at the same time: whoever reads it finds it whole. */
function writeConfiguration(root: string): string {
  const file = join(root, '/var/cache/pitstop-agent/needrestart.conf')
  const temporary = `${file}.${process.pid}.tmp`
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 })
  rmSync(temporary, { force: true })
  writeFileSync(temporary, configuration, { mode: 0o600, flag: 'wx' })
  renameSync(temporary, file)
  return file
}

function isExecutable(path: string): boolean {
  try { accessSync(path, constants.X_OK); return true } catch { return false }
}
