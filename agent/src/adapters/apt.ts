// apt and dpkg with real arguments. Parses nothing itself (domain/apt-output), decides nothing. A failed simulation is
// a fault with apt's own last lines; a failed install is handed back, because dpkg must be looked at in any case.
import { Fault } from '@pitstop/shared/fault'
import { lastLines, parseInstalled, parseNames, parseSimulation } from '../domain/apt-output.ts'
import type { PackageVersion } from '../domain/apt-plan.ts'
import type { Apt, Command, HostSettings, RunCommand } from '../ports.ts'
import { audit } from './host-checks.ts'
import { outputOf } from './run-command.ts'

const keepConfiguration = ['-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold'] as const
const named = (packages: readonly PackageVersion[]): readonly string[] => packages.map(({ name, version }) => `${name}=${version}`)

export function apt(run: RunCommand, settings: HostSettings['apt']): Apt {
  const lock = ['-o', `DPkg::Lock::Timeout=${Math.ceil(settings.lockTimeoutMs / 1000)}`] as const
  const query = { deadlineMs: 60_000 } as const
  const ofApt = async (...argv: readonly string[]): Promise<string> => {
    const command: Command = { argv: ['apt-get', ...argv], deadlineMs: settings.deadlineMs, graceMs: 10_000 }
    const result = await run(command)
    if (result.timedOut) throw new Fault('COMMAND_TIMEOUT', `apt-get ${argv.slice(0, 3).join(' ')} did not end within ${settings.deadlineMs} ms`)
    if (result.code !== 0) throw aptFault(argv, result.stdout + result.stderr)
    return result.stdout
  }
  return {
    update: async () => { await ofApt('update', '-q') },
    simulateUpgrade: async () => parseSimulation(await ofApt('-s', '-q', 'upgrade', '--with-new-pkgs')),
    simulateInstall: async (packages) => parseSimulation(await ofApt('-s', '-q', 'install', ...named(packages))),
    download: async (packages) => { await ofApt('-y', '-q', '--download-only', ...lock, 'install', ...named(packages)) },
    install: (packages, statusFile) => run({
      argv: ['apt-get', '-y', '-q', ...keepConfiguration, ...lock, '-o', 'APT::Status-Fd=3', 'install', ...named(packages)],
      deadlineMs: settings.deadlineMs,
      // dpkg cut off half-way leaves the host broken: after TERM it gets a long time to come to an end.
      graceMs: 120_000,
      statusFile
    }),
    holds: async () => parseNames(await outputOf(run, { argv: ['apt-mark', 'showhold'], ...query })),
    audit: () => audit(run),
    // eslint-style template text, not a JavaScript template: dpkg-query fills it.
    installed: async () => parseInstalled(await outputOf(run, { argv: ['dpkg-query', '-W', '-f=${Package}\\t${Version}\\t${db:Status-Abbrev}\\n'], ...query, outputCap: 16 * 1024 * 1024 })),
    architecture: async () => (await outputOf(run, { argv: ['dpkg', '--print-architecture'], ...query })).trim()
  }
}

/** apt's words tell "locked" from "no such version" from the rest. */
export function aptFault(argv: readonly string[], output: string): Fault {
  const said = lastLines(output, 8)
  const holder = /held by process (\d+)(?: \(([^)]+)\))?/.exec(output)
  if (/Could not get lock|Unable to acquire the dpkg frontend lock|Unable to lock/.test(output)) {
    return new Fault('DPKG_LOCKED', holder === null ? said : `the lock is held by process ${holder[1]}${holder[2] === undefined ? '' : ` (${holder[2]})`}`)
  }
  const absent = [...output.matchAll(/Version '([^']+)' for '([^']+)' was not found/g)].map(([, version, name]) => `${name}=${version}`)
  if (absent.length > 0) return new Fault('MANIFEST_DIFFERS', `apt does not offer ${absent.join(', ')} here`)
  return new Fault('APT_FAILED', `apt-get ${argv.find((part) => /^[a-z]/.test(part)) ?? ''} failed: ${said}`)
}
