// The two Debian packages: program and runtime under /usr/lib/NAME, a command in /usr/bin, a unit, documents. The lab and
// the tests build them by these functions, a person by `npm run package`.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Bundle, bundle, repository, repositoryVersion } from './bundle.ts'
import { configurationTemplate } from '../agent/src/config-template.ts'
import { buildDeb, type Control } from './deb.ts'
import { licences } from './licences.ts'
import { manualPage } from './manual-page.ts'
import { PackageTree } from './package-tree.ts'
import { type Architecture, machineArchitecture, placeRuntime } from './runtime.ts'
import { sourceDate } from './source-date.ts'

export interface PackageOptions {
  readonly outputDirectory: string
  /** Instead of package.json's: "a newer agent" of the lab. */
  readonly version?: string
  readonly architecture?: Architecture
  /** Pack quickly instead of tightly. */
  readonly fast?: boolean
}

interface Recipe extends Pick<Control, 'name' | 'description'> {
  readonly command: string
  readonly manual: Pick<Parameters<typeof manualPage>[1], 'section' | 'summary'>
  readonly bundles: readonly Bundle[]
  /** Loaded only when needed, and not by most hosts: a file of its own. */
  readonly external: readonly string[]
  readonly depends: readonly string[]
  /** Path on the host, without the leading part of the source folder. */
  readonly lay: (tree: PackageTree, source: (path: string) => string) => void
}

const exampleConfiguration = configurationTemplate({
  fleet: 'gprd', node: 'gitaly-03.example.internal', listen: '0.0.0.0:7441', coordinators: ['pitstop.example.internal:7442'], mode: 'act',
  tls: { certificate: '/etc/pitstop/pki/pitstop.pem', key: '/etc/pitstop/pki/pitstop.key', authority: '/etc/pitstop/pki/authority.pem' },
  gitaly: { address: '127.0.0.1:8075' }
})

/** What the runtime is linked against, by its symbol versions: Debian 10 and Ubuntu 20.04 have all of them. */
const runtimeDepends = ['libatomic1 (>= 4.8)', 'libc6 (>= 2.28)', 'libgcc-s1 (>= 3.0)', 'libstdc++6 (>= 5.2)']

const agent: Recipe = {
  name: 'pitstop-agent',
  command: 'pitstop-agent',
  manual: { section: 8, summary: 'patches and reboots a Gitaly host on the orders of its fleet\'s coordinator' },
  description: ['agent that patches and reboots a Gitaly host', 'Carries out the orders of its fleet\'s pitstop coordinator on one Gitaly',
    'host: upgrades exactly the packages that were agreed on, reboots, and proves', 'that Gitaly is well afterwards. Brings its own runtime.'],
  bundles: [
    { entry: 'agent/src/cli/main.ts', name: 'pitstop-agent' },
    { entry: 'agent/src/cli/service.ts', name: 'service' },
    ...unitEntries().map((name) => ({ entry: `agent/src/units/${name}.ts`, name }))
  ],
  external: ['systeminformation'],
  depends: ['apt', 'default-dbus-system-bus | dbus-system-bus', 'systemd'],
  lay: (tree, source) => {
    for (const stage of ['before-upgrade', 'before-reboot', 'after-ready']) tree.directory(`/etc/pitstop/hooks.d/${stage}`)
    tree.write('/usr/share/doc/pitstop-agent/examples/agent.yml', exampleConfiguration)
    tree.copy('/etc/needrestart/conf.d/pitstop-agent.conf', source('needrestart.conf'))
    const hooks = join(repository, 'agent/hooks')
    for (const path of list(hooks)) tree.copy(`/usr/share/pitstop-agent/hooks/${path}`, join(hooks, path), path.endsWith('.md') ? 0o644 : 0o755)
  }
}

const coordinator: Recipe = {
  name: 'pitstop-coordinator',
  command: 'pitstop',
  manual: { section: 1, summary: 'rolling OS patching for Gitaly fleets' },
  description: ['coordinator of rolling OS patching for Gitaly fleets', 'Takes nodes out of GitLab\'s storage weights, has their agents upgrade and',
    'reboot them group by group, and puts everything back. With the command line', 'pitstop. Brings its own runtime.'],
  bundles: [{ entry: 'coordinator/src/cli/main.ts', name: 'pitstop' }],
  external: [],
  depends: ['systemd | systemd-standalone-sysusers | systemd-sysusers'],
  lay: (tree, source) => {
    tree.directory('/etc/pitstop')
    tree.copy('/usr/share/doc/pitstop-coordinator/examples/nodes.yml', source('nodes.yml'))
    tree.copy('/usr/lib/sysusers.d/pitstop-coordinator.conf', source('sysusers.conf'))
  }
}

/** @returns the path of the .deb. Needs dpkg-deb. */
export const buildAgentPackage = (options: PackageOptions): Promise<string> => build(agent, options)
export const buildCoordinatorPackage = (options: PackageOptions): Promise<string> => build(coordinator, options)

async function build({ name, command, manual, description, bundles, external, depends, lay }: Recipe, options: PackageOptions): Promise<string> {
  const { outputDirectory, version = repositoryVersion(), architecture = machineArchitecture(), fast = false } = options
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  try {
    const kind = name.replace('pitstop-', '')
    const source = (path: string): string => join(repository, 'packaging', kind, path)
    const date = await sourceDate()
    const tree = new PackageTree(join(folder, 'tree'))
    const home = `/usr/lib/${name}`
    tree.directory(home)
    const runtime = await placeRuntime(architecture, join(tree.root, home, 'node'))
    const folders = await bundle(bundles, join(tree.root, home), version, external)
    tree.copy(`/usr/bin/${command}`, source(`${command}.sh`), 0o755)
    tree.copy(`/usr/lib/systemd/system/${name}.service`, source(`${name}.service`))
    lay(tree, source)
    tree.write(`/usr/share/man/man${manual.section}/${command}.${manual.section}.gz`, await manualPage(join(tree.root, home, `${command}.mjs`), { ...manual, command, version, date }))
    const documents = `/usr/share/doc/${name}`
    const { copyright, texts } = licences(folders)
    tree.write(`${documents}/copyright`, copyright)
    tree.write(`${documents}/LICENSES.bundled.gz`, packed(texts))
    tree.write(`${documents}/LICENSES.node.gz`, packed(runtime.licence))
    tree.write(`${documents}/changelog.gz`, packed(changelog(name, version, date)))
    tree.write(`${documents}/NEWS.gz`, packed(readFileSync(join(repository, 'CHANGELOG.md'), 'utf8')))
    for (const each of ['RUNBOOK.md', 'docs/faults.md']) tree.copy(`${documents}/${each}`, join(repository, each))
    mkdirSync(outputDirectory, { recursive: true })
    return await buildDeb(tree, {
      name, version, architecture, description, depends: [...depends, ...runtimeDepends].sort(),
      conffiles: tree.files().filter((path) => path.startsWith('etc/')).map((path) => `/${path}`),
      scripts: Object.fromEntries(['postinst', 'prerm', 'postrm'].map((script) => [script, readFileSync(source(script), 'utf8')]))
    }, { outputDirectory, date, fast })
  } finally { rmSync(folder, { recursive: true, force: true }) }
}

/** Every file of the agent that is started as a unit of its own. */
function unitEntries(): readonly string[] {
  return readdirSync(join(repository, 'agent/src/units')).filter((name) => name.endsWith('-unit.ts')).map((name) => name.slice(0, -'.ts'.length)).sort()
}

const list = (folder: string): readonly string[] => readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.endsWith('.ts')).map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort()

/** Without a time in its header: the same text, the same bytes. */
const packed = (text: string): Buffer => gzipSync(text, { level: 9 })

const changelog = (name: string, version: string, date: number): string => `${name} (${version}) unstable; urgency=medium

  * See NEWS.gz beside this file.

 -- pitstop contributors <pitstop@users.noreply.github.com>  ${new Date(date * 1000).toUTCString().replace('GMT', '+0000')}
`
