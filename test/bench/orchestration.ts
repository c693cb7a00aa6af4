// What does pitstop itself cost a node? One host at a time on a quiet machine, so that the figure is the orchestrator's
// and not the contention of six stand-in hosts on two processors. By the hosts' own records. `npm run bench`
import { countOf, scriptOptions } from '../demo/options.ts'
import { medianOf, type Proof, proveFleet } from '../demo/prove-fleet.ts'
import { fleetReady, opened, view } from '../fleet/open-window.ts'

const usage = 'npm run bench -- [orchestration] [--nodes N]'
const nodes = countOf(scriptOptions(usage, { nodes: { type: 'string', default: '5' } }).nodes, '--nodes', usage)
const soakMs = 1000

await using fleet = await fleetReady({ nodes, policy: { 'group-size': 1, 'prepare-ahead': 1, 'settle': '200ms', 'soak': `${soakMs}ms`, 'watch': '500ms', 'canary-first': false, 'estimates': { prepare: '1m', down: '30s' } } })
const before = { weights: fleet.gitlab.world.weights(), assignerActive: fleet.gitlab.world.schedule?.active ?? null }
await opened(fleet)
const watched = await fleet.pitstop(['window', 'watch'])
const proof: Proof = proveFleet({ hosts: fleet.hosts, gitlab: fleet.gitlab, before, view: await view(fleet), soakMs, rebootsAskedFor: new Map() })
console.log(proof.lines.join('\n'))
const sorted = [...proof.lostMs].sort((a, b) => a - b)
console.log(`lost: minimum ${sorted[0] ?? '-'} ms, median ${medianOf(sorted) ?? '-'} ms, maximum ${sorted.at(-1) ?? '-'} ms over ${sorted.length} nodes`)
process.exitCode = watched.exit === 0 && proof.problems.length === 0 ? 0 : 1
