// How long is nobody acting? kill -9 of the acting coordinator in mid-window with a standby beside it, on one PostgreSQL, by
// the hosts' own records. `npm run bench:take-over`; goal: within the lease's TTL + 1 s.
import { setTimeout as pause } from 'node:timers/promises'
import { numberOf, scriptOptions } from '../demo/options.ts'
import { opened, quickPolicy } from '../fleet/open-window.ts'
import { severalReady } from '../fleet/several-coordinators.ts'

const usage = 'npm run bench:take-over -- [--rounds N] [--ttl MS]'
const values = scriptOptions(usage, { rounds: { type: 'string', default: '5' }, ttl: { type: 'string', default: '3000' } })
const rounds = numberOf(values.rounds, '--rounds', usage, 1)
// The configuration takes no shorter one.
const ttlMs = numberOf(values.ttl, '--ttl', usage, 1000)
await using all = await severalReady({ coordinators: 2, nodes: 1, leaseMs: ttlMs, policy: { ...quickPolicy, settle: '10m' } })
const { fleet } = all
await opened(fleet)
const took: number[] = []
for (let round = 0; round < rounds; round++) {
  const acting = round % 2
  // Somewhere between two renewals.
  await pause(500 + (ttlMs * round) / 7 % ttlMs)
  const { epoch } = all.newestEpoch()
  const killedAt = Date.now()
  const pid = fleet.coordinatorPid(acting)
  if (pid === undefined) throw new Error('nobody acts')
  const killed = fleet.killCoordinator('SIGKILL', acting)
  await all.untilActing(1 - acting)
  // A window that only waits asks no agent by itself: the preflight carries the new epoch to it.
  await fleet.pitstop(['preflight'], { coordinator: 1 - acting })
  took.push(await all.untilNewerEpoch(epoch, killedAt))
  await killed
  await fleet.startCoordinator(acting, 'standby')
}
const sorted = took.toSorted((a, b) => a - b)
console.log(`take-over (kill -9 until an agent has kept the new epoch), TTL ${ttlMs} ms: ${took.join(', ')} ms; median ${sorted[Math.floor(sorted.length / 2)] ?? '-'} ms, longest ${sorted.at(-1) ?? '-'} ms (goal ${ttlMs + 1000} ms)`)
process.exitCode = (sorted.at(-1) ?? Infinity) <= ttlMs + 1000 ? 0 : 1
