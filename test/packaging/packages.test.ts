// The Debian packages as they are built: what lies where, with which rights, what dpkg and systemd are told, and that the
// program runs on nothing but what is inside. What installing them does to a real host is the lab's to prove.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { parseSettings } from '../../agent/src/config.ts'
import { createInventory } from '../../coordinator/src/adapters/inventory/inventory.ts'
import { buildAgentPackage, buildCoordinatorPackage } from '../../packaging/build-package.ts'

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0
if (!has('dpkg-deb')) {
  t.comment('skipped: dpkg-deb is missing (apt-get install dpkg)')
  t.pass('skipped', { skip: 'dpkg-deb is missing' })
} else {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-packages-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const version = '7.8.9'
  const agent = opened(await buildAgentPackage({ outputDirectory: folder, version, fast: true }))
  const coordinator = opened(await buildCoordinatorPackage({ outputDirectory: folder, version, fast: true }))

  interface Opened { readonly path: string, readonly root: string, readonly control: ReadonlyMap<string, string>, readonly listing: string }

  function opened(path: string): Opened {
    const root = `${path}.d`
    execFileSync('dpkg-deb', ['--raw-extract', path, root])
    const control = new Map(readFileSync(join(root, 'DEBIAN/control'), 'utf8').split('\n').flatMap((line) => {
      const [, key, value] = /^([\w-]+): (.*)$/.exec(line) ?? []
      return key === undefined ? [] : [[key, value ?? ''] as const]
    }))
    return { path, root, control, listing: execFileSync('dpkg-deb', ['--contents', path]).toString() }
  }

  const run = ({ root }: Opened, name: string, program: string, ...args: readonly string[]): { exit: number | null, stdout: string, stderr: string } => {
    const home = join(root, 'usr/lib', name)
    const { status, stdout, stderr } = spawnSync(join(home, 'node'), [join(home, program), ...args], { env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8' })
    return { exit: status, stdout, stderr }
  }

  void t.test('files lie where they belong, all of root, none writable for others', async (t) => {
    const at = (path: string, mode: string, opened = agent): void => { t.match(opened.listing, new RegExp(`^${mode} root/root .* \\.${path.replaceAll('.', '\\.')}$`, 'm'), path) }
    at('/usr/lib/pitstop-agent/node', '-rwxr-xr-x')
    for (const path of ['service', 'pitstop-agent', 'upgrade-unit', 'reboot-unit', 'systeminformation']) at(`/usr/lib/pitstop-agent/${path}.mjs`, '-rw-r--r--')
    at('/usr/bin/pitstop-agent', '-rwxr-xr-x')
    at('/usr/lib/systemd/system/pitstop-agent.service', '-rw-r--r--')
    for (const stage of ['before-upgrade', 'before-reboot', 'after-ready']) at(`/etc/pitstop/hooks.d/${stage}/`, 'drwxr-xr-x')
    for (const path of ['copyright', 'changelog.gz', 'RUNBOOK.md', 'examples/agent.yml', 'LICENSES.node.gz', 'LICENSES.bundled.gz']) at(`/usr/share/doc/pitstop-agent/${path}`, '-rw-r--r--')
    for (const path of hooksOfTheSource()) at(`/usr/share/pitstop-agent/hooks/${path}`, '-rwxr-xr-x')
    at('/usr/bin/pitstop', '-rwxr-xr-x', coordinator)
    at('/usr/share/doc/pitstop-coordinator/examples/nodes.yml', '-rw-r--r--', coordinator)
    at('/usr/lib/sysusers.d/pitstop-coordinator.conf', '-rw-r--r--', coordinator)
    at('/usr/lib/systemd/system/pitstop-coordinator.service', '-rw-r--r--', coordinator)
    for (const { listing } of [agent, coordinator]) {
      t.notMatch(listing, /^(?!.* root\/root ).+$/m, 'a stranger\'s file')
      t.notMatch(listing, /^.{5}w|^.{8}w/m, 'group or others may write')
      t.notMatch(listing, /\.\/(?:etc\/pitstop\/(?:agent|coordinator)\.yml|lib\/|var\/)/, 'a configuration would be a conffile; /lib is a link; state is the service\'s')
    }
  })

  function hooksOfTheSource(): readonly string[] {
    const hooks = new URL('../../agent/hooks', import.meta.url).pathname
    return readdirSync(hooks, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !/\.(?:md|ts)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(hooks.length + 1))
  }

  void t.test('dpkg is told the truth', async (t) => {
    t.equal(agent.path, join(folder, `pitstop-agent_${version}_${agent.control.get('Architecture') ?? ''}.deb`))
    t.equal(agent.control.get('Version'), version)
    t.equal(agent.control.get('Architecture'), process.arch === 'arm64' ? 'arm64' : 'amd64')
    t.match(agent.control.get('Depends'), /default-dbus-system-bus \| dbus-system-bus.*libatomic1.*systemd/)
    t.same(readFileSync(join(agent.root, 'DEBIAN/conffiles'), 'utf8'), '/etc/needrestart/conf.d/pitstop-agent.conf\n')
    t.notOk(existsSync(join(coordinator.root, 'DEBIAN/conffiles')))
    for (const { root, control } of [agent, coordinator]) {
      for (const script of ['postinst', 'prerm', 'postrm']) t.equal(spawnSync('sh', ['-n', join(root, 'DEBIAN', script)]).status, 0, script)
      execFileSync('md5sum', ['--check', '--quiet', 'DEBIAN/md5sums'], { cwd: root })
      t.ok(Number(control.get('Installed-Size')) > 50_000)
    }
  })

  void t.test('what the runtime is linked against is what the package depends on', { skip: has('readelf') ? false : 'readelf is missing (apt-get install binutils)' }, async (t) => {
    const needed = [...execFileSync('readelf', ['--dynamic', join(agent.root, 'usr/lib/pitstop-agent/node')], { maxBuffer: 1e8 }).toString().matchAll(/NEEDED.*\[(.*)\]/g)].map(([, name]) => name ?? '')
    const packages: Readonly<Record<string, string>> = { 'libatomic.so.1': 'libatomic1', 'libstdc++.so.6': 'libstdc++6', 'libgcc_s.so.1': 'libgcc-s1' }
    const partsOfLibc = /^(?:lib(?:c|m|dl|pthread|rt)\.so\.\d|ld-linux.*)$/
    for (const name of needed) t.match(agent.control.get('Depends'), partsOfLibc.test(name) ? 'libc6' : packages[name] ?? `(no package known for ${name})`)
  })

  void t.test('the same source gives the same bytes', async (t) => {
    const again = await buildAgentPackage({ outputDirectory: join(folder, 'again'), version, fast: true })
    const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')
    t.equal(digest(again), digest(agent.path))
  })

  void t.test('every program of the agent is one file: nothing of it is loaded from elsewhere, then or later', async (t) => {
    const home = join(agent.root, 'usr/lib/pitstop-agent')
    // The one that most hosts never need has its own file, by a name that stays.
    const programs = readdirSync(home).filter((name) => name.endsWith('.mjs') && name !== 'systeminformation.mjs')
    t.ok(programs.length >= 4)
    for (const name of programs) {
      const named = [...readFileSync(join(home, name), 'utf8').matchAll(/\b(?:from|import|__require\d*\(|import\()\s*"([\w@./:-]+)"/g)].map(([, specifier]) => specifier ?? '')
      t.same([...new Set(named)].filter((specifier) => !isBuiltin(specifier) && specifier !== './systeminformation.mjs'), [], name)
    }
    const alone = mkdtempSync(join(folder, 'alone-'))
    copyFileSync(join(agent.root, 'usr/lib/pitstop-agent/reboot-unit.mjs'), join(alone, 'reboot-unit.mjs'))
    t.equal(spawnSync(join(agent.root, 'usr/lib/pitstop-agent/node'), [join(alone, 'reboot-unit.mjs')], { env: {} }).status, 0)
  })

  void t.test('units name what the package has, and hold nobody up', async (t) => {
    for (const { root, control } of [agent, coordinator]) {
      const name = control.get('Package') ?? ''
      const unit = readFileSync(join(root, `usr/lib/systemd/system/${name}.service`), 'utf8')
      const paths = [...unit.matchAll(/^(?:ExecStart=|Documentation=).*$/gm)].flatMap(([line]) => [...line.matchAll(/\/usr\/[\w./-]+/g)].map(([path]) => path))
      t.ok(paths.length >= 3)
      for (const path of paths) t.ok(existsSync(join(root, path)), path)
      for (const [, page = '', section = ''] of unit.matchAll(/man:([\w-]+)\((\d)\)/g)) t.ok(existsSync(join(root, `usr/share/man/man${section}/${page}.${section}.gz`)), page)
      t.match(unit, `ConditionPathExists=/etc/pitstop/${name === 'pitstop-agent' ? 'agent' : 'coordinator'}.yml`)
    }
    const unit = readFileSync(join(agent.root, 'usr/lib/systemd/system/pitstop-agent.service'), 'utf8')
    // Gitaly starts after multi-user.target: waiting for it is a cycle, and default dependencies make it wait for us.
    t.match(unit, /^DefaultDependencies=no$/m)
    t.notMatch(unit, /^After=.*(?:gitlab-runsvdir|multi-user)/m)
    t.match(unit, /^Conflicts=shutdown\.target$/m)
    t.match(unit, /^Type=notify$/m)
    // Each of these gave the agent another boot id, mount table, /dev or /lib/modules than its own units see.
    t.notMatch(unit, /^(?:PrivateDevices|ProtectKernelModules|ProtectKernelTunables|ProtectControlGroups|ProtectProc|ProcSubset|MountAPIVFS|RootDirectory|PrivateUsers)=/m)
  })

  void t.test('systemd understands the units', { skip: has('systemd-analyze') ? false : 'systemd-analyze is missing (apt-get install systemd)' }, async (t) => {
    for (const { root, control } of [agent, coordinator]) {
      const name = `${control.get('Package') ?? ''}.service`
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', `--root=${root}`, join('/usr/lib/systemd/system', name)], { encoding: 'utf8' })
      t.equal(status, 0, stderr)
      t.notMatch(stderr, name, 'no word about our own unit')
    }
  })

  void t.test('the agent runs on what is inside, and says what is missing', async (t) => {
    t.match(run(agent, 'pitstop-agent', 'pitstop-agent.mjs', '--version'), { exit: 0, stdout: `${version}\n`, stderr: '' })
    t.match(run(agent, 'pitstop-agent', 'pitstop-agent.mjs', '--help'), { exit: 0, stdout: /Usage: pitstop-agent[\s\S]*doctor/, stderr: '' })
    const missing = join(folder, 'none.yml')
    t.match(run(agent, 'pitstop-agent', 'pitstop-agent.mjs', '--config', missing, 'status'), { exit: 2, stdout: '', stderr: `${missing} cannot be read` })
    t.match(run(agent, 'pitstop-agent', 'service.mjs', missing), { exit: 2, stdout: '', stderr: `${missing} cannot be read` })
    t.match(run(agent, 'pitstop-agent', 'pitstop-agent.mjs', '--config', missing, 'doctor').stdout + run(agent, 'pitstop-agent', 'pitstop-agent.mjs', '--config', missing, 'doctor').stderr, `${missing} cannot be read`)
    t.match(run(agent, 'pitstop-agent', 'systeminformation.mjs'), { exit: 0, stderr: '' })
  })

  void t.test('so does the coordinator', async (t) => {
    t.match(run(coordinator, 'pitstop-coordinator', 'pitstop.mjs', '--version'), { exit: 0, stdout: `${version}\n`, stderr: '' })
    for (const verb of [['plan', 'create'], ['window', 'start'], ['node', 'list'], ['pki', 'issue'], ['coordinator']]) {
      t.match(run(coordinator, 'pitstop-coordinator', 'pitstop.mjs', ...verb, '--help'), { exit: 0, stdout: 'Usage: pitstop', stderr: '' }, verb.join(' '))
    }
    t.match(run(coordinator, 'pitstop-coordinator', 'pitstop.mjs', '--config', join(folder, 'none.yml'), 'coordinator', '--check'), { exit: 2, stderr: 'INVALID_CONFIGURATION' })
    const made = join(folder, 'coordinator.yml')
    t.match(run(coordinator, 'pitstop-coordinator', 'pitstop.mjs', 'init', '--output', made), { exit: 0 })
    t.match(run(coordinator, 'pitstop-coordinator', 'pitstop.mjs', '--config', made, 'coordinator', '--check'), { exit: 2, stderr: /is well-formed[^]*tls\.key: \/etc\/pitstop\/pki\/pitstop\.key cannot be read/ })
    const pki = ['--authority-key', join(folder, 'authority.key'), '--authority-certificate', join(folder, 'authority.pem')]
    t.match(run(coordinator, 'pitstop-coordinator', 'pitstop.mjs', 'pki', 'init', '--fleet', 'lab', ...pki), { exit: 0 })
  })

  void t.test('the example inventory can be read, is the one of the README, and is named where people look', async (t) => {
    const file = join(coordinator.root, 'usr/share/doc/pitstop-coordinator/examples/nodes.yml')
    t.match(await createInventory({ file }).read(), { nodes: [{ node: 'gitaly-03.internal' }], excluded: [{ node: 'praefect-01.internal' }] })
    t.ok(readFileSync(new URL('../../README.md', import.meta.url), 'utf8').includes(readFileSync(file, 'utf8').replaceAll(/^#.*\n/gm, '')))
    t.match(readFileSync(join(coordinator.root, 'DEBIAN/postinst'), 'utf8'), 'examples/nodes.yml')
    t.match(gunzipSync(readFileSync(join(coordinator.root, 'usr/share/man/man1/pitstop.1.gz'))).toString(), 'examples/nodes.yml')
  })

  void t.test('a coordinator whose configuration or rights are wrong is not started again and again', async (t) => {
    t.match(readFileSync(join(coordinator.root, 'usr/lib/systemd/system/pitstop-coordinator.service'), 'utf8'), /^RestartPreventExitStatus=2 7$/m)
  })

  void t.test('the example configuration can be read', async (t) => {
    const file = join(agent.root, 'usr/share/doc/pitstop-agent/examples/agent.yml')
    t.match(parseSettings(file, readFileSync(file, 'utf8')), { fleet: 'gprd', state: '/var/lib/pitstop-agent' })
  })
}
