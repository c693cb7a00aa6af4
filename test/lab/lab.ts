// A fleet of real hosts on this machine beside an installation's coordinator: Debian booted by systemd-nspawn, the agent's
// .deb installed by apt, real runit, real reboots. Runs inside the lab's own namespaces and ends with its maker.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { buildAgentPackage } from '../../packaging/build-package.ts'
import { createInstallation, type Installation } from '../demo/installation.ts'
import { furnish } from './enclosure.ts'
import { baseImage } from './image.ts'
import { buildLabHost, type LabHost, type LabHostOptions } from './lab-host.ts'
import { said } from './last-words.ts'
import { layHostLayer } from './layer.ts'
import { controlAddress, layBridge } from './network.ts'
import { newPackages } from './packages.ts'
import { openRepository, type Repository } from './repository.ts'

/** What must be made where the network is: before the lab's own namespaces are entered. */
export interface LabParts {
  readonly image: string
  readonly agentPackage: string
  /** The same agent under a higher version. */
  readonly newerAgentPackage: string
}

export type HostSettings = Partial<Pick<LabHostOptions, 'configuration' | 'unitSettings' | 'gitaly' | 'diskBytes'>>

export interface LabOptions {
  readonly hosts: number
  readonly policy?: Readonly<Record<string, unknown>>
  readonly host?: (index: number) => HostSettings
}

export interface Lab extends Installation, AsyncDisposable {
  readonly hosts: readonly LabHost[]
  readonly repository: Repository
}

export async function prepareParts(folder: string): Promise<LabParts> {
  mkdirSync(folder, { recursive: true })
  const [image, agentPackage, newerAgentPackage] = await Promise.all([
    baseImage(), buildAgentPackage({ outputDirectory: folder, fast: true }), buildAgentPackage({ outputDirectory: folder, fast: true, version: '99.0.0' })
  ])
  return { image, agentPackage, newerAgentPackage }
}

let furnished: Promise<void> | undefined

/** Hosts are up, agents installed and ready, the repository offers this month's packages; the coordinator acts. */
export async function startLab(parts: LabParts, options: LabOptions): Promise<Lab> {
  await (furnished ??= furnish().then(layBridge))
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-lab-'))
  const repository = await openRepository(join(folder, 'repository'), controlAddress)
  const names = Array.from({ length: options.hosts }, (_, index) => `gitaly-${String(index + 1).padStart(2, '0')}.lab.internal`)
  const installation = await createInstallation({ fleet: 'lab', nodes: names, address: controlAddress, ...options.policy === undefined ? {} : { policy: options.policy } })
  const layer = await layHostLayer(folder, parts.image, repository.source)
  const hosts: LabHost[] = []
  const self: Lab = {
    ...installation,
    hosts,
    repository,
    async close(closing) {
      await installation.killCoordinator()
      await Promise.all(hosts.map((host) => host.dispose()))
      await repository.close()
      await installation.close(closing)
      if (closing?.keepFolder !== true) rmSync(folder, { recursive: true, force: true })
    },
    [Symbol.asyncDispose]: () => self.close()
  }
  try {
    for (const [index, node] of names.entries()) {
      hosts.push(await buildLabHost({
        node, index: nextIndex++, fleet: 'lab', folder: join(folder, 'hosts'), lower: [layer, parts.image], tls: await installation.issue('agent', node),
        coordinator: installation.agentsAddress, secondOpinion: () => pitstopSays(installation, node), ...options.host?.(index)
      }))
    }
    await installation.configure(hosts)
    await Promise.all(hosts.map((host) => bringUp(host, parts.agentPackage)))
    await repository.publish(...newPackages)
    await installation.startCoordinator()
    return self
  } catch (error) {
    await self.close()
    throw error
  }
}

/** Addresses are not used twice in one enclosure: cables and names stay where they are. */
let nextIndex = 0

/** Power, Gitaly, and the agent installed on the running host as an administrator does. */
async function bringUp(host: LabHost, agentPackage: string): Promise<void> {
  await host.powerOn()
  await host.waitFor('a booted system', async () => /running|degraded/.test((await host.run('systemctl', 'is-system-running')).stdout))
  const deb = `/root/${basename(agentPackage)}`
  cpSync(agentPackage, join(host.root, deb))
  try {
    await host.must('apt-get', 'install', '-y', '-q', deb)
  } catch (error) {
    throw new Error((await host.run('journalctl', '--no-pager', '-n', '20', '-u', 'pitstop-agent')).stdout, { cause: error })
  }
  await host.must('rm', deb)
  await host.waitFor('an active agent', async () => (await host.run('systemctl', 'is-active', 'pitstop-agent')).stdout.trim() === 'active')
  await host.waitFor('a serving Gitaly', () => host.events().some(({ event }) => event === 'gitaly-serving'))
}

/** What pitstop makes of a host that a scenario waited for in vain. */
async function pitstopSays({ pitstop, logFile }: Installation, node: string): Promise<string> {
  const answers = await Promise.all([['window', 'show'], ['why', node]].map(async (args) => {
    const { stdout, stderr } = await pitstop(args)
    return said(`pitstop ${args.join(' ')}`, stdout + stderr)
  }))
  return [...answers, said('the coordinator\'s log', existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').slice(-20).join('\n') : '')].join('\n')
}
