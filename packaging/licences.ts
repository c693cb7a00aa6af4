// What the package's copyright file says: pitstop's own licence, and name, version and licence of everything that was
// bundled, with the texts in a file beside it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './bundle.ts'

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly license?: string
}

export interface Licences {
  /** In Debian's machine-readable form. */
  readonly copyright: string
  readonly texts: string
}

/** @param folders of the bundled packages. */
export function licences(folders: readonly string[]): Licences {
  const bundled = folders.flatMap((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
    // Some packages have folders with a package.json of their own kind.
    if (name === undefined || version === undefined) return []
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
    return [{ label: `${name} ${version}`, license: license ?? 'see its text', text: file === undefined ? 'no text is shipped with it\n' : readFileSync(join(folder, file), 'utf8') }]
  }).sort((a, b) => a.label < b.label ? -1 : 1)
  const own = readFileSync(join(repository, 'LICENSE'), 'utf8').trim()
  const holder = /^Copyright \(c\) (.*)$/m.exec(own)?.[1] ?? 'pitstop contributors'
  const body = own.split('\n').slice(own.split('\n').findIndex((line) => line.startsWith('Permission'))).map((line) => ` ${line === '' ? '.' : line}`).join('\n')
  return {
    copyright: `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: pitstop
Comment: The runtime is Node.js; its licence and those of its parts are in LICENSES.node.gz. Bundled into the program,
 with texts in LICENSES.bundled.gz:
${bundled.map(({ label, license }) => ` ${label} (${license})`).join('\n')}

Files: *
Copyright: ${holder}
License: Expat
${body}
`,
    texts: bundled.map(({ label, license, text }) => `${label} (${license})\n\n${text.trim()}\n`).join(`\n${'-'.repeat(80)}\n\n`)
  }
}

