// `npm start`: the main job on this machine, from an empty folder to a patched fleet, with the product's own commands.
//   npm start                 six hosts, two down at once
//   npm start -- --fault      one of them has a start-up error the first time: halt, reason, retry, done
//   npm start -- --keep       leave the folder with journal and logs behind
import { formatDuration } from '@pitstop/shared/duration'
import { untilEvent } from './follow-events.ts'
import { type LocalFleet, startLocalFleet } from './local-fleet.ts'
import { countOf, scriptOptions } from './options.ts'
import { proveFleet } from './prove-fleet.ts'

const usage = 'npm start -- [--nodes N] [--fault] [--keep]'
const options = scriptOptions(usage, { fault: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false }, nodes: { type: 'string', default: '6' } })
const nodes = countOf(options.nodes, '--nodes', usage)
const soakMs = 1000
const say = (text: string): void => { console.log(text) }

const startedAt = Date.now()
say(`pitstop: ${nodes} stand-in Gitaly hosts with real agents, a GitLab stand-in and a coordinator, all on this machine`)
const fleet = await startLocalFleet({ nodes, policy: { 'group-size': 2, 'settle': '1s', 'soak': `${soakMs}ms`, 'watch': '2s', 'estimates': { prepare: '1m', down: '30s' } } })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void fleet.close().finally(() => { process.exit(130) }) })
try {
  process.exitCode = await run(fleet)
} finally {
  if (options.keep) say(`kept: ${fleet.folder}`)
  await fleet.close({ keepFolder: options.keep })
}

async function run({ hosts, gitlab, socket, pitstop, startCoordinator }: LocalFleet): Promise<number> {
  await Promise.all(hosts.map((host) => host.powerOn()))
  await Promise.all(hosts.map((host) => host.waitFor('a ready agent', (each) => each.events().some(({ event }) => event === 'agent-ready'))))
  await startCoordinator()
  say(`ready after ${formatDuration(Date.now() - startedAt)}\n`)

  const faulty = hosts[3]
  if (options.fault && faulty !== undefined) await faulty.fault('startup-error')
  const before = { weights: gitlab.world.weights(), assignerActive: gitlab.world.schedule?.active ?? null }

  const made = await pitstop(['plan', 'create', '--for', '2h', '--reason', 'monthly patches', '--json'])
  if (made.exit !== 0) throw new Error(made.stderr)
  const { hash } = JSON.parse(made.stdout) as { hash: string }
  await show(['plan', 'show', hash.slice(0, 12)])
  let exit = await show(['window', 'start', hash.slice(0, 12), '--confirm', hash.slice(0, 12), '--reason', 'monthly patches', '--watch'])

  if (options.fault && faulty !== undefined) {
    if (exit !== 5) throw new Error(`the window should have halted (exit 5), it ended with ${exit}`)
    await show(['why', faulty.node])
    await show(['node', 'retry', faulty.node, '--reboot', '--reason', 'disk was read-only, mended'])
    await untilEvent(socket, (event) => event.type === 'node-healthy' && event.node === faulty.node)
    await show(['window', 'resume', '--reason', `${faulty.node} is healthy again`])
    exit = await show(['window', 'watch'])
  }
  const view = JSON.parse((await pitstop(['window', 'show', '--json'])).stdout) as Parameters<typeof proveFleet>[0]['view']
  const proof = proveFleet({ hosts, gitlab, before, view, soakMs, rebootsAskedFor: options.fault && faulty !== undefined ? new Map([[faulty.node, 2]]) : new Map() })
  say(`\n${proof.lines.join('\n')}`)
  say(`\n${proof.problems.length === 0 ? 'everything as it should be' : proof.problems.map((problem) => `PROBLEM: ${problem}`).join('\n')} (${formatDuration(Date.now() - startedAt)} in all)`)
  return exit === 0 && proof.problems.length > 0 ? 1 : exit

  async function show(args: readonly string[]): Promise<number> {
    say(`\n$ pitstop ${args.map((arg) => (/[^\w.:/=-]/.test(arg) ? `"${arg}"` : arg)).join(' ')}`)
    return (await pitstop(args, { inherit: true })).exit
  }
}
