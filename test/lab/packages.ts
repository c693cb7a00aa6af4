// Small real .deb files for the lab's repository: what they contain and what their post-installation does is all that
// matters here. Built by dpkg-deb.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { run } from './command.ts'

export interface LabPackage {
  readonly name: string
  readonly version: string
  readonly depends?: string
  /** Absolute path to content. */
  readonly files?: Readonly<Record<string, string>>
  /** Body of the post-installation script, in sh. */
  readonly postinst?: string
  readonly conffiles?: readonly string[]
  /** Small to download, large when it is unpacked. */
  readonly compressed?: boolean
}

/** Path of the .deb in `folder`. */
export async function buildPackage(folder: string, { name, version, depends, files = {}, postinst, conffiles, compressed = false }: LabPackage): Promise<string> {
  const tree = mkdtempSync(join(tmpdir(), 'lab-package-'))
  try {
    const put = (path: string, content: string, mode = 0o644): void => {
      mkdirSync(dirname(join(tree, path)), { recursive: true })
      writeFileSync(join(tree, path), content)
      chmodSync(join(tree, path), mode)
    }
    put('DEBIAN/control', [`Package: ${name}`, `Version: ${version}`, 'Architecture: all', 'Maintainer: lab <lab@lab.internal>', ...depends === undefined ? [] : [`Depends: ${depends}`], `Description: ${name} of the lab`, ''].join('\n'))
    if (postinst !== undefined) put('DEBIAN/postinst', `#!/bin/sh\nset -e\n[ "$1" = configure ] || exit 0\n${postinst}\n`, 0o755)
    if (conffiles !== undefined) put('DEBIAN/conffiles', `${conffiles.join('\n')}\n`)
    put(`usr/share/doc/${name}/version`, `${version}\n`)
    for (const [path, content] of Object.entries(files)) put(path, content)
    chmodSync(tree, 0o755)
    const target = join(folder, `${name}_${version.replace(':', '%3a')}_all.deb`)
    await run(['dpkg-deb', '--root-owner-group', compressed ? '-Zgzip' : '-Znone', '--build', tree, target])
    return target
  } finally { rmSync(tree, { recursive: true, force: true }) }
}

/** Installed on every host before the window. gitlab-ee stands there to be left alone. */
export const installedPackages: readonly LabPackage[] = [
  { name: 'lab-library', version: '1.0' },
  { name: 'lab-tool', version: '1.0', depends: 'lab-library', files: { '/etc/lab-tool.conf': 'colour = grey\n' }, conffiles: ['/etc/lab-tool.conf'] },
  { name: 'lab-kernel', version: '1:6.1.0-1' },
  { name: 'gitlab-ee', version: '18.5.1-ee.0' }
]

/** What the month brought: a library, a tool with another configuration file, a kernel that asks for a reboot. */
export const newPackages: readonly LabPackage[] = [
  { name: 'lab-library', version: '1.1' },
  { name: 'lab-tool', version: '1.1', depends: 'lab-library (>= 1.1)', files: { '/etc/lab-tool.conf': 'colour = green\n' }, conffiles: ['/etc/lab-tool.conf'] },
  { name: 'lab-kernel', version: '1:6.1.0-2', postinst: 'touch /run/reboot-required\necho lab-kernel >> /run/reboot-required.pkgs' },
  // As omnibus does it: an upgrade of GitLab restarts services. pitstop must never come near.
  { name: 'gitlab-ee', version: '18.6.0-ee.0', postinst: 'gitlab-ctl stop gitaly; gitlab-ctl start gitaly' }
]
