// `npm run lab`: a window over real hosts on this machine, from an empty folder to a patched fleet.
//   npm run lab -- --hosts 4 --group-size 2
//   npm run lab -- --keep          leave folders with journals and logs behind
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatDuration } from '@pitstop/shared/duration'
import { typed } from '../../agent/src/domain/typed.ts'
import { countOf, scriptOptions } from '../demo/options.ts'
import { proveFleet } from '../demo/prove-fleet.ts'
import { planned, view } from '../fleet/open-window.ts'
import { isEnclosed, runEnclosed } from './enclosure.ts'
import { prepareParts, type LabParts, startLab } from './lab.ts'
import { newPackages } from './packages.ts'
import { missingForLab } from './requirements.ts'

const usage = 'npm run lab -- [--hosts N] [--group-size N] [--keep]'
const values = scriptOptions(usage, { 'hosts': { type: 'string', default: '4' }, 'group-size': { type: 'string', default: '2' }, 'keep': { type: 'boolean', default: false } })
const hostCount = countOf(values.hosts, '--hosts', usage)
const groupSize = countOf(values['group-size'], '--group-size', usage)
const soakMs = 1000
const reason = 'monthly patches'
const say = (text: string): void => { console.log(text) }

process.exitCode = isEnclosed() ? await inside(JSON.parse(process.env['PITSTOP_LAB_PARTS'] ?? '') as LabParts) : await outside()

async function outside(): Promise<number> {
  const missing = await missingForLab()
  if (missing.length > 0) {
    console.error(`the lab needs ${missing.join(', ')}`)
    return 2
  }
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-lab-parts-'))
  try {
    say('building the agent\'s package and, the first time, Debian\'s image (half a minute)')
    process.env['PITSTOP_LAB_PARTS'] = JSON.stringify(await prepareParts(folder))
    return await runEnclosed(import.meta.filename, process.argv.slice(2))
  } finally { rmSync(folder, { recursive: true, force: true }) }
}

async function inside(parts: LabParts): Promise<number> {
  const startedAt = Date.now()
  say(`pitstop lab: ${hostCount} real hosts (systemd, runit, apt), installing the agent on each`)
  const lab = await startLab(parts, {
    hosts: hostCount,
    policy: { 'group-size': groupSize, 'settle': '1s', 'soak': `${soakMs}ms`, 'watch': '2s', 'estimates': { prepare: '2m', down: '1m' } }
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void lab.close().finally(() => { process.exit(130) }) })
  try {
    const { gitlab, hosts, pitstop } = lab
    say(`ready after ${formatDuration(Date.now() - startedAt)}\n`)
    const before = { weights: gitlab.world.weights(), assignerActive: gitlab.world.schedule?.active ?? null }
    const bootsBefore = new Map(await Promise.all(hosts.map(async (host) => [host.node, await host.bootId()] as const)))
    const hash = await planned(lab, '--reason', reason)
    await show(['plan', 'show', hash.slice(0, 12)])
    const exit = await show(['window', 'start', hash.slice(0, 12), '--confirm', hash.slice(0, 12), '--reason', reason, '--watch'])
    const proof = proveFleet({ hosts, gitlab, before, view: await view(lab), soakMs, rebootsAskedFor: new Map() })
    const problems = [...proof.problems, ...(await Promise.all(hosts.map(async (host) => {
      const installed = await host.installed()
      return [
        ...newPackages.flatMap(({ name, version }) => (installed.get(name) === version) === (name !== 'gitlab-ee') ? [] : [`${host.node}: ${name} is ${installed.get(name) ?? 'not installed'}`]),
        ...await host.bootId() === bootsBefore.get(host.node) ? [`${host.node}: still the old boot id`] : []
      ]
    }))).flat()]
    say(`\n${proof.lines.join('\n')}`)
    say(`\n${problems.length === 0 ? 'everything as it should be: new packages, new boot ids, gitlab-ee untouched' : problems.map((problem) => `PROBLEM: ${problem}`).join('\n')} (${formatDuration(Date.now() - startedAt)} in all)`)
    return exit === 0 && problems.length > 0 ? 1 : exit

    async function show(args: readonly string[]): Promise<number> {
      say(`$ ${typed(['pitstop', ...args])}`)
      return (await pitstop(args, { inherit: true })).exit
    }
  } finally {
    if (values.keep) say(`kept: ${lab.folder}`)
    await lab.close({ keepFolder: values.keep })
  }
}
