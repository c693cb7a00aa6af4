// How a test file of the lab runs: what needs the mirror is made outside, then the same file again as a subtest inside the
// lab's own namespaces. Where the machine lacks a part, one visible line says which, and nothing pretends to have run.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { enclosed, enclosedEnvironment, isEnclosed } from './enclosure.ts'
import { type LabParts, prepareParts } from './lab.ts'
import { missingForLab } from './requirements.ts'

/** A scenario takes half a minute. Longer than two of its waits: a wait in vain tells why, this limit does not. */
const scenarioTimeoutMs = 240_000

export async function inLab(file: string, scenarios: (parts: LabParts) => void): Promise<void> {
  t.setTimeout(20 * 60_000)
  if (isEnclosed()) {
    t.jobs = 1
    scenarios(JSON.parse(process.env['PITSTOP_LAB_PARTS'] ?? '') as LabParts)
    return
  }
  const missing = await missingForLab()
  if (missing.length > 0) {
    process.stderr.write(`SKIPPED: the lab of real hosts needs ${missing.join(', ')}\n`)
    t.pass(`the lab of real hosts needs ${missing.join(', ')}`, { skip: true })
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-lab-parts-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const parts = await prepareParts(folder)
  const [program, ...args] = enclosed(file)
  await t.spawn(program, args, { env: { ...enclosedEnvironment(), PITSTOP_LAB_PARTS: JSON.stringify(parts) }, timeout: 20 * 60_000 }, 'on real hosts')
}

export const scenario = (name: string, body: (t: Tap) => Promise<void>): void => { void t.test(name, { timeout: scenarioTimeoutMs }, body) }

export type Tap = Test
