// What does the agent cost a host that it only watches? Memory and processor time at rest, and how soon after a boot it
// answers: the figures of the installed bundle with its own runtime against the goals. `npm run bench -- agent`
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { countOf, scriptOptions } from '../demo/options.ts'
import { medianOf } from '../demo/prove-fleet.ts'
import { type InstalledAgent, installAgent } from './agent-unit.ts'

const usage = 'npm run bench -- agent [--starts N] [--idle SECONDS]'
const values = scriptOptions(usage, { starts: { type: 'string', default: '7' }, idle: { type: 'string', default: '60' } })
const startCount = countOf(values.starts, '--starts', usage)
const idleSeconds = countOf(values.idle, '--idle', usage)
const goals = { readyMs: 250, privateMB: 25, residentMB: 75, processorPercent: 0.1 } as const
/** What the start still does afterwards is not idling. */
const settleMs = 15_000

await using agent = await installAgent()
const cold = await timedStart(agent, true)
const starts: Start[] = []
for (let count = 0; count < startCount; count++) starts.push(await timedStart(agent, false))

const { child } = await start(agent)
await sleep(settleMs)
const before = processorMs(child)
const began = performance.now()
await sleep(idleSeconds * 1000)
const processorPercent = 100 * (processorMs(child) - before) / (performance.now() - began)
const memory = memoryMB(child)
const pings = agent.pings()
await stop(child)

const median = (numbers: readonly number[]): number => medianOf(numbers) ?? Number.POSITIVE_INFINITY
// A goal that is missed at a high load says something about the machine: a verdict is never shown without it.
const load = (loadavg()[0] ?? 0).toFixed(2)
const ready = starts.map(({ readyMs }) => readyMs)
const rows = [
  row('ready after exec, median', median(ready), goals.readyMs, 'ms', 0),
  row('private memory (RssAnon)', memory.anonymous, goals.privateMB, 'MB', 1),
  row('resident memory (RSS)', memory.resident, goals.residentMB, 'MB', 1),
  row('processor time at rest', processorPercent, goals.processorPercent, '%', 3)
]
console.log(rows.join('\n'))
console.log(`ready: ${ready.map((ms) => ms.toFixed(0)).join(', ')} ms, of which ${median(starts.map((each) => each.processorMs)).toFixed(0)} ms processor time; first start after an installation, nothing compiled yet: ${cold.readyMs.toFixed(0)} ms
of the resident memory ${memory.file.toFixed(1)} MB are pages of files, mostly of the runtime, which the page cache holds anyway
at rest for ${idleSeconds} s, with ${pings} watchdog pings since the start`)

function row(what: string, measured: number, goal: number, unit: string, digits: number): string {
  return `${what.padEnd(28)} ${measured.toFixed(digits).padStart(8)} ${unit.padEnd(2)}   goal ≤ ${`${goal} ${unit}`.padEnd(8)} ${measured <= goal ? 'met' : 'MISSED'} at load ${load}`
}

async function start({ argv: [program, ...args], environment }: InstalledAgent): Promise<{ readonly child: ChildProcess, readonly readyMs: number }> {
  const began = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'pipe'], env: environment })
  let said = ''
  const readyMs = await new Promise<number>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      // Said once it listens and systemd has been told.
      if (said.includes('"agent ready"')) resolve(performance.now() - began)
    })
    child.once('error', reject)
    child.once('exit', () => { reject(new Error(`the agent ended before it was ready:\n${said}`)) })
  })
  child.removeAllListeners('exit')
  return { child, readyMs }
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  await once(child, 'exit')
}

interface Start { readonly readyMs: number, readonly processorMs: number }

async function timedStart(agent: InstalledAgent, forget: boolean): Promise<Start> {
  if (forget) agent.forgetCompiled()
  const { child, readyMs } = await start(agent)
  const used = processorMs(child)
  await stop(child)
  return { readyMs, processorMs: used }
}

/** Of all its threads, to the nanosecond, and of the commands that it has run, to a tick. */
function processorMs({ pid = 0 }: ChildProcess): number {
  const threads = readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6, 0)
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']))
  return threads + (Number(fields[13]) + Number(fields[14])) * 1000 / ticksPerSecond
}

function memoryMB({ pid = 0 }: ChildProcess): { readonly resident: number, readonly anonymous: number, readonly file: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024 / 1e6
  return { resident: of('VmRSS'), anonymous: of('RssAnon'), file: of('RssFile') }
}
