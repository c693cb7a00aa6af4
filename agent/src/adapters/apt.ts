// apt and dpkg with real arguments. Parses nothing itself (domain/apt-*), decides nothing. A failed command is a fault with
// apt's own words; a failed install is handed back, because dpkg must be looked at in any case.
//
// There are three views of what apt could do: the host's own lists; lists of our own by the host's sources (stage); and
// nothing but what is staged. apt installs in the last one only: what is not staged does not exist there, so it can
// neither be taken nor be needed, and no network, pin of an origin, phase or refresh of lists plays a part. It is an
// "upgrade" there and never an "install": that would mark each package as wanted by a person, for ever.
import { Fault } from '@pitstop/shared/fault'
import { aptFault } from '../domain/apt-fault.ts'
import { completelyInstalled, packageFormat, parseNames, parsePackages, parseSimulation } from '../domain/apt-output.ts'
import type { PackageVersion } from '../domain/apt-plan.ts'
import { parseStanzas, type Stanza } from '../domain/apt-stanza.ts'
import type { Apt, Command, HostFiles, HostSettings, RunCommand } from '../ports.ts'
import { aptDirectories, emptyDownloads, prepareDirectories } from './apt-directories.ts'
import { dpkgState } from './host-checks.ts'
import { outputOf } from './run-command.ts'
import { StagedArchives } from './staged-archives.ts'

/** Whatever the host's own configuration allows. */
const strict = ['APT::Get::Remove=false', 'APT::Get::AutomaticRemove=false', 'APT::Get::Allow-Downgrades=false', 'APT::Get::Allow-Remove-Essential=false',
  'APT::Get::Allow-Change-Held-Packages=false', 'APT::Get::AllowUnauthenticated=false', 'APT::Get::Force-Yes=false', 'APT::Ignore-Hold=false'] as const
/** An update counts when it is meant for everybody: on no host by chance, on the canary no sooner than elsewhere. */
const wholePhases = ['APT::Get::Never-Include-Phased-Updates=true', 'APT::Get::Always-Include-Phased-Updates=false',
  'Update-Manager::Never-Include-Phased-Updates=true', 'Update-Manager::Always-Include-Phased-Updates=false'] as const
const keepConfiguration = ['Dpkg::Options::=--force-confdef', 'Dpkg::Options::=--force-confold'] as const
/** Without it a repository that does not answer is a warning, and the lists of yesterday pass for today's. */
const strictUpdate = ['APT::Update::Error-Mode=any', 'Acquire::Languages=none'] as const

/** On a full disk apt's download of lists never comes back (seen with apt 2.6). */
const updateDeadlineMs = 10 * 60_000
/** An apt that hangs in a script is ended after this only: until then a person can. */
const installLimitMs = 24 * 3_600_000

const named = (packages: readonly PackageVersion[]): readonly string[] => packages.map(({ name, version }) => `${name}=${version}`)
const option = (settings: readonly string[]): readonly string[] => settings.flatMap((each) => ['-o', each])

export function apt(run: RunCommand, { root, apt: settings }: Pick<HostSettings, 'root' | 'apt'>, files: Pick<HostFiles, 'dpkgLockHolder' | 'unfinishedDpkgWrites'>): Apt {
  const directories = aptDirectories(root)
  const archives = new StagedArchives(root, directories)
  const query = { deadlineMs: 60_000 } as const
  const pinned = [...strict, ...wholePhases, `Dir::Etc::preferences=${directories.preferences}`]
  const own = option([...pinned, `Dir::State::lists=${directories.lists}`, `Dir::Cache=${directories.cache}`, `Dir::Cache::archives=${directories.cache}/archives`])
  const hosts = option([...pinned, 'Dir::Cache::pkgcache=', 'Dir::Cache::srcpkgcache='])
  const stagedOnly = (entries: readonly Stanza[]): readonly string[] => [
    // Another place for archives than the staged files': apt holds a file against its hash only when it fetches it.
    ...option([...pinned, 'Dir::Etc::sourcelist=/dev/null', 'Dir::Etc::sourceparts=/dev/null', `Dir::State::lists=${directories.noLists}`,
      'Dir::Cache::pkgcache=', 'Dir::Cache::srcpkgcache=', `Dir::Cache::archives=${directories.cache}/archives`]),
    '--with-source', archives.writePackages(entries), 'upgrade', '--with-new-pkgs'
  ]
  const ofApt = async (doing: string, command: Pick<Command, 'argv' | 'cwd'>, deadlineMs = settings.deadlineMs): Promise<string> => {
    const result = await run({ ...command, deadlineMs, graceMs: 10_000 })
    if (result.timedOut) throw new Fault('COMMAND_TIMEOUT', `apt-get ${doing} did not end within ${deadlineMs} ms`)
    if (result.code !== 0) throw aptFault(doing, `${result.stdout}\n${result.stderr}`)
    return result.stdout
  }
  let native: Promise<string> | undefined
  const architecture = (): Promise<string> => native ??= outputOf(run, { argv: ['dpkg', '--print-architecture'], ...query }).then((text) => text.trim())
    .catch((error: unknown) => { native = undefined; throw error })
  const packages: Apt['packages'] = async () => parsePackages(
    await outputOf(run, { argv: ['dpkg-query', '-W', `-f=${packageFormat}`], ...query, outputCap: 16 * 1024 * 1024 }), await architecture())
  return {
    archives,
    prepare: () => { prepareDirectories(root, settings.exclude) },
    update: async () => { await ofApt('update', { argv: ['apt-get', '-q', ...own, ...option(strictUpdate), 'update'] }, Math.min(settings.deadlineMs, updateDeadlineMs)) },
    simulateUpgrade: async (lists = 'host') => {
      prepareDirectories(root, settings.exclude)
      return parseSimulation(await ofApt('upgrade', { argv: ['apt-get', '-s', '-q', ...lists === 'own' ? own : hosts, 'upgrade', '--with-new-pkgs'] }))
    },
    simulateStaged: async (entries) => parseSimulation(await ofApt('upgrade', { argv: ['apt-get', '-s', '-q', ...stagedOnly(entries)] })),
    stanzas: async (wanted) => {
      // Ends with 100 when it knows none of them: which it knows is told by what it prints.
      const { stdout } = await run({ argv: ['apt-cache', ...own, 'show', ...named(wanted)], ...query, outputCap: 64 * 1024 * 1024 })
      return parseStanzas(stdout, await architecture())
    },
    download: async (stanzas) => {
      emptyDownloads(directories)
      let refused: readonly Stanza[] = []
      try {
        await ofApt('download', { argv: ['apt-get', '-q', ...own, 'download', ...named(stanzas)], cwd: directories.download })
      } finally {
        refused = await archives.takeIn(stanzas)
        emptyDownloads(directories)
      }
      if (refused.length > 0) throw new Fault('APT_FAILED', `downloaded, but no regular file with the size and hash of the repository's index: ${refused.map(({ file }) => file).join(', ')}`)
    },
    install: (entries, statusFile) => run({
      argv: ['apt-get', '-y', '-q', ...option([...keepConfiguration, `DPkg::Lock::Timeout=${Math.ceil(settings.lockTimeoutMs / 1000)}`, 'APT::Status-Fd=3']), ...stagedOnly(entries)],
      deadlineMs: installLimitMs,
      graceMs: 120_000,
      statusFile,
      // Its hook would look at every process, and on Ubuntu 24.04 restart what it finds; the reboot settles that.
      env: { NEEDRESTART_SUSPEND: '1' }
    }),
    holds: async () => parseNames(await outputOf(run, { argv: ['apt-mark', 'showhold'], ...query }), await architecture()),
    audit: () => dpkgState(run, files),
    packages,
    installed: async () => completelyInstalled(await packages()),
    architecture
  }
}
