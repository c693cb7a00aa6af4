// The agent as the package's unit starts it: the files of a freshly built package, the command line and environment of its
// pitstop-agent.service. Against a fake host whose Gitaly serves, so that it idles as on a healthy node.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FakeHost, fakeHost, makeCertificates } from '../../agent/src/fixtures/fake-host.ts'
import { buildAgentPackage } from '../../packaging/build-package.ts'

export interface InstalledAgent extends AsyncDisposable {
  readonly argv: readonly [string, ...string[]]
  readonly environment: Readonly<Record<string, string>>
  /** As right after the installation: nothing compiled yet. */
  forgetCompiled(): void
  /** Times that systemd was pinged since the last start. */
  pings(): number
}

export async function installAgent(): Promise<InstalledAgent> {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-bench-agent-'))
  const host = await fakeHost()
  const certificates = makeCertificates({ agent: 'spiffe://test-fleet/pitstop/agent/n1.example' })
  const root = join(folder, 'root')
  execFileSync('dpkg-deb', ['--extract', await buildAgentPackage({ outputDirectory: folder, fast: true }), root])
  const cache = join(folder, 'cache')
  mkdirSync(cache)
  const configuration = join(folder, 'agent.yml')
  writeFileSync(configuration, configurationOf(host, certificates, folder))
  // What the real one costs is a process; who hears it does not matter here.
  const notify = join(host.root, 'bin/systemd-notify')
  const heard = join(folder, 'notified')
  writeFileSync(notify, `#!/bin/sh\necho "$@" >> '${heard}'\n`)
  chmodSync(notify, 0o755)
  const unit = readFileSync(join(root, 'usr/lib/systemd/system/pitstop-agent.service'), 'utf8')
  const inRoot = (text: string): string => text.replaceAll('/usr/lib/', `${root}/usr/lib/`).replaceAll('/var/cache/pitstop-agent', cache)
  const [program = '', ...rest] = inRoot(valuesOf(unit, 'ExecStart').join('')).split(' ')
  const environment = Object.fromEntries(valuesOf(unit, 'Environment').flatMap((line) => inRoot(line).split(' ')).map((pair) => {
    const [name = '', value = ''] = pair.split('=')
    return [name, value]
  }))
  return {
    argv: [program, ...rest, configuration],
    environment: { ...environment, PATH: '/usr/bin:/bin', NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: String(seconds(valuesOf(unit, 'WatchdogSec').join('')) * 1_000_000) },
    forgetCompiled: () => { rmSync(environment['NODE_COMPILE_CACHE'] ?? join(cache, 'compile-cache'), { recursive: true, force: true }) },
    pings: () => readFileSync(heard, 'utf8').split('--ready').at(-1)?.match(/WATCHDOG=1/g)?.length ?? 0,
    [Symbol.asyncDispose]: async () => {
      await host.close()
      for (const each of [folder, certificates]) rmSync(each, { recursive: true, force: true })
    }
  }
}

const configurationOf = (host: FakeHost, certificates: string, folder: string): string => `
fleet: test-fleet
node: n1.example
listen: 127.0.0.1:0
tls: {certificate: ${certificates}/agent.pem, key: ${certificates}/agent.key, authority: ${certificates}/ca.pem}
state: ${folder}/state
host: {root: ${host.root}, path: [${host.root}/bin]}
gitaly: {address: "${host.settings().host.gitaly.address}"}
apt: {minimum-free-bytes: 0, minimum-free-boot-bytes: 0}
`

const valuesOf = (unit: string, key: string): readonly string[] => unit.split('\n').filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1))

function seconds(text: string): number {
  const found = /^(\d+)s$/.exec(text)?.[1]
  if (found === undefined) throw new Error(`the unit has WatchdogSec=${text}; this bench understands seconds`)
  return Number(found)
}
