// A .deb from a laid tree: control data in, one file out, by dpkg-deb. The same tree gives the same bytes.
import { join } from 'node:path'
import { output } from './command.ts'
import type { PackageTree } from './package-tree.ts'

export interface Control {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly depends: readonly string[]
  readonly suggests?: readonly string[]
  /** First line short, the others a paragraph. */
  readonly description: readonly [string, ...string[]]
  readonly conffiles?: readonly string[]
  /** Name to text: postinst, prerm, postrm. */
  readonly scripts: Readonly<Record<string, string>>
}

/**
 * zstd: dpkg of Debian 12 and Ubuntu 18.04 on reads it; it packs the runtime in 2 s where xz takes half a minute (27 MB, not 34), and
 * unpacks in a fraction of the time, on every host of the fleet.
 */
const compression = 'zstd'

export interface BuildOptions {
  readonly outputDirectory: string
  /** Unix seconds: all time stamps inside. */
  readonly date: number
  /** Pack quickly instead of tightly. */
  readonly fast: boolean
}

/** @returns the path of the .deb. */
export async function buildDeb(tree: PackageTree, control: Control, { outputDirectory, date, fast }: BuildOptions): Promise<string> {
  const { name, version, architecture, depends, suggests = [], description, conffiles = [], scripts } = control
  const fields = [
    `Package: ${name}`, `Version: ${version}`, `Architecture: ${architecture}`, 'Maintainer: pitstop contributors <pitstop@users.noreply.github.com>',
    `Installed-Size: ${tree.installedSize()}`, 'Pre-Depends: init-system-helpers (>= 1.54~)', `Depends: ${depends.join(', ')}`,
    ...suggests.length === 0 ? [] : [`Suggests: ${suggests.join(', ')}`],
    'Section: admin', 'Priority: optional', `Description: ${description.join('\n ')}`, ''
  ]
  tree.write('/DEBIAN/md5sums', tree.checksums())
  tree.write('/DEBIAN/control', fields.join('\n'))
  if (conffiles.length > 0) tree.write('/DEBIAN/conffiles', `${conffiles.join('\n')}\n`)
  for (const [script, text] of Object.entries(scripts)) tree.write(`/DEBIAN/${script}`, text, 0o755)
  tree.date(date)
  const target = join(outputDirectory, `${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`)
  await output(['dpkg-deb', '--root-owner-group', `-Z${compression}`, `-z${fast ? 1 : 9}`, '--build', tree.root, target], { env: { SOURCE_DATE_EPOCH: String(date) } })
  return target
}
