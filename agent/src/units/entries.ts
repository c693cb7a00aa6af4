// Where the bodies of the transient units are: beside this file in the source, beside the agent's bundle in the package.
// Paths, not modules: a unit is a process of its own and survives the agent's replacement.
import { fileURLToPath } from 'node:url'

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'mjs'
const entry = (name: string): string => fileURLToPath(new URL(`./${name}.${extension}`, import.meta.url))

export const unitEntries = {
  upgrade: entry('upgrade-unit'),
  reboot: entry('reboot-unit')
} as const
