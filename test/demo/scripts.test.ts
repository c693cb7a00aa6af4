// The repository's own scripts as a person mistypes them: one line and exit code 2, before anything is started.
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { medianOf, proveFleet } from './prove-fleet.ts'

function run(script: string, ...args: readonly string[]): { readonly exit: number | null, readonly out: string, readonly err: string } {
  const { NODE_OPTIONS: _loader, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, [new URL(script, import.meta.url).pathname, ...args], { env, encoding: 'utf8' })
  return { exit: status, out: stdout, err: stderr }
}

void t.test('help is a usage line, a mistake is one too, with exit code 2 and no stack trace', (t) => {
  for (const [script, usage, ...wrong] of [
    ['main.ts', 'npm start', ['--nodes', '0'], ['--nodes', 'x'], ['--nonsense']],
    ['../lab/main.ts', 'npm run lab', ['--hosts', '0'], ['--hosts', 'x'], ['--group-size', '-1'], ['--nonsense']],
    ['../bench/main.ts', 'npm run bench', ['--nonsense'], ['nothing'], ['agent', '--starts', 'x'], ['orchestration', '--nodes', '0']]
  ] as const) {
    t.match(run(script, '--help'), { exit: 0, out: new RegExp(`^usage: ${usage} -- `), err: '' })
    for (const args of wrong) {
      const { exit, out, err } = run(script, ...args)
      t.match({ exit, out }, { exit: 2, out: '' }, `${script} ${args.join(' ')}`)
      t.match(err, new RegExp(`^[^\\n]+\\nusage: ${usage} -- .*\\n$`))
    }
  }
  t.end()
})

void t.test('the median of an even count lies between the two in the middle', (t) => {
  t.equal(medianOf([300, 100, 200]), 200)
  t.equal(medianOf([400, 100, 200, 300]), 250)
  t.equal(medianOf([]), null)
  t.end()
})

void t.test('the proof names its figure unlike the summary\'s, and the goal with the load', (t) => {
  const host = (node: string, bareMs: number) => ({ node, reboots: () => [{ outageMs: 1, bareMs }], brokenPackages: () => [] })
  const evidence = {
    hosts: [host('a', 1000), host('b', 800)], before: { weights: {}, assignerActive: null }, soakMs: 1000, rebootsAskedFor: new Map(),
    gitlab: { world: { weights: () => ({}), schedule: null }, log: { violations: [] } }, view: { nodes: ['a', 'b'].map((node) => ({ node, phase: 'done', slotMs: 2100 })) }
  } as unknown as Parameters<typeof proveFleet>[0]
  const text = proveFleet(evidence).lines.join('\n')
  t.match(text, /beyond bare\n/)
  t.match(text, /median 0\.20 s a node; goal 0\.15 s missed at load \d/)
  t.end()
})
