// Makes the folder of a stand-in host: files as after installation and a first boot long ago, commands in bin, the
// agent's configuration. Starts nothing; an existing folder is refused, because its history would be mixed.
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { commandNames, commandWrapper } from './command-wrapper.ts'
import { writeJson } from './durable-file.ts'
import { at, type MachineSettings } from './host-layout.ts'
import { installKernel } from './kernel-files.ts'
import type { PackageSet } from './default-packages.ts'

export interface HostPlan {
  readonly root: string
  readonly settings: MachineSettings
  readonly packages: PackageSet
  /** etc/pitstop/agent.yml; none for a host without an agent. */
  readonly agentConfiguration: object | undefined
}

export function buildHost({ root, settings, packages, agentConfiguration }: HostPlan): void {
  if (existsSync(at(root, 'settings'))) throw new Error(`${root} is a stand-in host already; remove it or name another folder`)
  const place = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  for (const folder of ['bin', 'boot', 'dev', 'etc/apt', 'etc/pitstop', 'etc/systemd/system', 'proc', 'run', 'var/lib/dpkg', 'var/lib/apt/lists',
    'var/lib/pitstop-agent', 'var/cache/apt/archives', 'var/log/gitlab/gitaly', 'var/log/journal', 'var/opt/gitlab/gitaly',
    'opt/gitlab/sv/gitaly', 'opt/gitlab/service']) mkdirSync(join(root, folder), { recursive: true })
  for (const { path } of settings.gitaly.storages) mkdirSync(join(root, path), { recursive: true })
  symlinkSync('../sv/gitaly', at(root, 'gitalyService'))
  writeJson(at(root, 'settings'), settings)
  writeJson(at(root, 'faults'), {})
  writeJson(at(root, 'packages'), { packages: packages.installed })
  writeJson(at(root, 'repository'), packages.available)
  // As apt-daily.timer left them this morning.
  writeJson(at(root, 'lists'), packages.available)
  for (const name of Object.keys(packages.installed)) {
    const kernel = /^linux-image-(\d.*)$/.exec(name)?.[1]
    if (kernel !== undefined) installKernel(root, kernel, '')
  }
  place('etc/hostname', `${settings.node}\n`)
  place('proc/locks', '')
  place('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n')
  place('etc/debian_version', '12.8\n')
  if (agentConfiguration !== undefined) place('etc/pitstop/agent.yml', stringify(agentConfiguration))
  for (const command of commandNames) {
    place(`bin/${command}`, commandWrapper(root, command))
    chmodSync(join(root, 'bin', command), 0o755)
  }
}
