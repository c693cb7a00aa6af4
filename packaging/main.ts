// `npm run package`: the packages of this release in dist/packages.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { repository } from './bundle.ts'
import { buildAgentPackage, buildCoordinatorPackage } from './build-package.ts'
import { available } from './command.ts'
import { type Architecture, architectures, machineArchitecture } from './runtime.ts'

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: machineArchitecture() }, output: { type: 'string', default: join(repository, 'dist/packages') },
    fast: { type: 'boolean', default: false }, help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log('npm run package -- [--arch amd64|arm64] [--output FOLDER] [--fast]\n  --fast  pack quickly instead of tightly')
  process.exit(0)
}
const architecture = Object.keys(architectures).find((each): each is Architecture => each === values.arch)
if (architecture === undefined) {
  console.error(`--arch must be ${Object.keys(architectures).join(' or ')}, not "${values.arch}"`)
  process.exit(2)
}
if (!await available('dpkg-deb')) {
  console.error('dpkg-deb is missing: build on Debian or Ubuntu, or install the package dpkg')
  process.exit(2)
}
for (const build of [buildAgentPackage, buildCoordinatorPackage]) {
  const began = performance.now()
  const path = await build({ outputDirectory: values.output, architecture, fast: values.fast })
  console.log(`${path}  ${(statSync(path).size / 1e6).toFixed(1)} MB  ${((performance.now() - began) / 1000).toFixed(1)} s`)
}
