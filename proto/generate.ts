// Writes proto/src/gen (TypeScript types) and proto/src/descriptors.json (what runs: no .proto file is read at
// run time, so that a bundle needs none) from the .proto files. `--check` writes nothing and fails when the
// committed files differ.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type * as protobufjs from 'protobufjs'

const root = import.meta.dirname
const committed = join(root, 'src')
const protoFiles = [
  'pitstop/v1/agent.proto',
  'pitstop/v1/coordinator.proto',
  'grpc/health/v1/health.proto',
  'gitaly/server.proto'
]

function generate(into: string): void {
  const require = createRequire(import.meta.url)
  const loader = require.resolve('@grpc/proto-loader')
  const generator = join(dirname(loader), '..', 'bin', 'proto-loader-gen-types.js')
  const options = ['--longs=Number', '--enums=String', '--defaults', '--oneofs', '--keepCase']
  const style = ['--grpcLib=@grpc/grpc-js', '--importFileExtension=.ts', '--targetFileExtension=.ts']
  execFileSync(
    process.execPath,
    [generator, ...options, ...style, `--includeDirs=${root}`, `--outDir=${join(into, 'gen')}`, ...protoFiles],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: { PATH: process.env['PATH'] } }
  )
  // The generator names each .proto file by a path that depends on where the checkout is.
  for (const entry of readdirSync(join(into, 'gen'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    writeFileSync(path, readFileSync(path, 'utf8').replace(/^\/\/ Original file: .*\/(proto\/[^\n]*)$/gm, '// Original file: $1').replace(/^\/\/ Original file: (?!proto\/)([^\n]*)$/gm, '// Original file: proto/$1'))
  }
  const protobuf = createRequire(loader)('protobufjs') as typeof protobufjs
  const tree = new protobuf.Root()
  tree.resolvePath = (_origin, target) => join(root, target)
  tree.loadSync(protoFiles, { keepCase: true })
  writeFileSync(join(into, 'descriptors.json'), `${JSON.stringify(tree.toJSON(), null, 1)}\n`)
}

function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(files.map((f) => [join(f.parentPath, f.name).slice(folder.length), readFileSync(join(f.parentPath, f.name), 'utf8')]))
}

const fresh = mkdtempSync(join(tmpdir(), 'pitstop-proto-'))
try {
  generate(fresh)
  if (process.argv.includes('--check')) {
    const want = contents(fresh)
    const have = new Map([...contents(committed)].filter(([name]) => name.startsWith('/gen/') || name === '/descriptors.json'))
    const stale = [...new Set([...want.keys(), ...have.keys()])].filter((name) => want.get(name) !== have.get(name))
    if (stale.length > 0) {
      console.error(`proto/src does not match the .proto files: ${stale.join(', ')}\nrun: npm run generate`)
      process.exitCode = 1
    }
  } else {
    rmSync(join(committed, 'gen'), { recursive: true, force: true })
    cpSync(fresh, committed, { recursive: true })
  }
} finally {
  rmSync(fresh, { recursive: true, force: true })
}
