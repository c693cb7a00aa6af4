// What all hosts of one lab have in common above Debian: omnibus, the witness, last month's packages. Laid once, used as a
// read-only layer under each host's own.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.ts'
import { layOmnibus } from './omnibus.ts'
import { buildPackage, installedPackages } from './packages.ts'
import { layWitness } from './witness-unit.ts'

/** @returns the layer's folder, to be put above `image`. */
export async function layHostLayer(folder: string, image: string, aptSource: string): Promise<string> {
  const [layer, work, merged] = ['layer', 'layer.work', 'layer.root'].map((name) => join(folder, name)) as [string, string, string]
  for (const each of [layer, work, merged]) mkdirSync(each, { recursive: true })
  await run(['mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=${image},upperdir=${layer},workdir=${work}`, merged])
  try {
    await layOmnibus(merged)
    layWitness(merged)
    writeFileSync(join(merged, 'etc/apt/sources.list'), `${aptSource}\n`)
    const debs = await Promise.all(installedPackages.map((each) => buildPackage(join(merged, 'root'), each)))
    await run(['chroot', merged, 'dpkg', '-i', ...debs.map((path) => path.slice(merged.length))])
    await run(['rm', ...debs])
  } finally { await run(['umount', merged]) }
  return layer
}
