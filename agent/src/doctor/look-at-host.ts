// `doctor`, the host: what its own commands and Gitaly say. All questions side by side, each behind its own deadline.
import { reason } from '@pitstop/shared/fault'
import type { Settings } from '../config.ts'
import { known } from '../adapters/host-checks.ts'
import { type Finding, fine, inTheWay, orderFindings, toKnow } from '../domain/diagnosis.ts'
import { observing } from '../domain/observing.ts'
import { isKnown } from '../domain/veto.ts'
import type { Host } from '../host.ts'

const unit = 'pitstop-agent.service'

export async function lookAtOrders(settings: Settings, host: Host): Promise<readonly Finding[]> {
  const facts = await host.facts()
  const policy = host.settings.rebootPolicy === 'if-needed' && !(await host.rebootNeeds.ask()).required
    ? [toKnow('orders', 'reboot: refused as long as nothing asks for one (reboot.policy: if-needed)', 'none needed')] : []
  return [...orderFindings(facts, observing(host.settings.mode, settings.state)), ...policy]
}

export async function lookAtGitaly({ host: { gitaly } }: Settings, host: Host): Promise<readonly Finding[]> {
  const [check, info, service] = await Promise.all([host.gitaly.check(), host.gitaly.serverInfo(), known(() => host.manager.status())])
  const findings: Finding[] = []
  if (!isKnown(check)) findings.push(inTheWay('gitaly', reason('NOT_SERVING', `Gitaly at ${gitaly.address} does not say how it is: ${check.unknown}`, adviceFor(check.unknown, gitaly.tokenFile))))
  else if (check.value !== 'SERVING') findings.push(inTheWay('gitaly', reason('NOT_SERVING', `Gitaly at ${gitaly.address} says ${check.value}`)))
  else if (!isKnown(info)) findings.push(inTheWay('gitaly', reason('STORAGE_UNHEALTHY', `Gitaly at ${gitaly.address} does not list its storages: ${info.unknown}`, adviceFor(info.unknown, gitaly.tokenFile))))
  else {
    findings.push(fine('gitaly', `SERVING at ${gitaly.address}, version ${info.value.version}, ${info.value.storages.length} storages`))
    for (const { name, readable, writeable } of info.value.storages) {
      if (!readable || !writeable) findings.push(inTheWay('gitaly', reason('STORAGE_UNHEALTHY', `storage ${name} is not ${readable ? 'writeable' : 'readable'}`)))
    }
  }
  findings.push(isKnown(service) && service.value.state === 'run' ? fine('gitaly', service.value.text)
    : inTheWay('gitaly', reason('SERVICE_NOT_RUNNING', isKnown(service) ? `${gitaly.manager} says: ${service.value.text}` : `${gitaly.manager} does not answer: ${service.unknown}`,
      gitaly.manager === 'gitlab-ctl' ? 'on the host: gitlab-ctl status; is gitaly.service-manager right?' : `on the host: systemctl status ${gitaly.service}`)))
  return findings
}

const adviceFor = (said: string, tokenFile: string | undefined): string => /UNAUTHENTICATED|PERMISSION_DENIED|token/i.test(said)
  ? tokenFile === undefined ? 'Gitaly wants a token: name its file with gitaly.token-file' : `compare ${tokenFile} with the token in Gitaly's configuration, and this host's clock with Gitaly's`
  : 'is gitaly.address the listen_addr of Gitaly\'s configuration? On the host: gitlab-ctl tail gitaly'

export async function lookAtPackages(host: Host): Promise<readonly Finding[]> {
  const [simulated, held] = await Promise.all([known(() => host.apt.simulateUpgrade()), known(() => host.apt.holds())])
  return [
    isKnown(simulated) ? fine('packages', `apt understands its sources; ${simulated.value.changes.length} packages would change by the lists of now`)
      : inTheWay('packages', reason('APT_FAILED', `apt-get -s upgrade: ${simulated.unknown}`, 'on the host: apt-get update; apt-get -s upgrade')),
    isKnown(held) ? fine('packages', held.value.length === 0 ? 'nothing is held' : `held: ${held.value.join(', ')}`)
      : inTheWay('packages', reason('APT_FAILED', `apt-mark showhold: ${held.unknown}`))
  ]
}

export async function lookAtService(host: Host, nowMs: number): Promise<readonly Finding[]> {
  const said = async (...argv: [string, ...string[]]): Promise<string> => (await host.run({ argv, deadlineMs: 10_000 })).stdout.trim()
  const [active, enabled, synchronized] = await Promise.all([
    known(() => said('systemctl', 'is-active', unit)), known(() => said('systemctl', 'is-enabled', unit)), known(() => said('timedatectl', 'show', '--property=NTPSynchronized', '--value'))
  ])
  const state = isKnown(active) ? active.value : active.unknown
  const atBoot = isKnown(enabled) ? enabled.value : enabled.unknown
  return [
    state === 'active' ? fine('agent', `${unit} is active`) : inTheWay('agent', reason('AGENT_UNREACHABLE', `${unit} is ${state || 'unknown to systemd'}`, `on the host: systemctl start ${unit}; journalctl -u ${unit} -n 50`)),
    atBoot === 'enabled' ? fine('agent', 'it is started at boot')
      : inTheWay('agent', reason('AGENT_UNREACHABLE', `${unit} is ${atBoot || 'unknown to systemd'}: it would not come back after a reboot`, `on the host: systemctl enable ${unit}`)),
    isKnown(synchronized) && synchronized.value === 'yes' ? fine('clock', `synchronised; it is ${new Date(nowMs).toISOString()}`)
      : toKnow('clock', isKnown(synchronized) && synchronized.value === 'no' ? 'the clock is not synchronised' : 'whether the clock is synchronised cannot be told',
        'on the host: check chrony or systemd-timesyncd; an order whose time does not fit this clock is refused')
  ]
}
