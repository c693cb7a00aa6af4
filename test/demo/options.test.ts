// The repository's scripts tell a mistake in a line and their usage, and end with 2; a stack trace is for nobody.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const run = (script: string, ...args: string[]) => spawnSync(process.execPath, [join(import.meta.dirname, '..', script), ...args], { encoding: 'utf8', env: { PATH: process.env['PATH'] }, timeout: 60_000 })

void t.test('what is no number, or no option, is told with the usage', async (t) => {
  for (const [script, args, told] of [
    ['simulate/main.ts', ['--windows', '0'], /^--windows must be a whole number from 1 on, not "0"\nusage: npm run simulate/], ['simulate/main.ts', ['--seed', '1.5'], /--seed must be a whole number from 0 on/],
    ['simulate/main.ts', ['--store', 'x'], /--store must be memory, sqlite/], ['simulate/main.ts', ['--bogus'], /Unknown option '--bogus'\nusage:/],
    ['bench/take-over.ts', ['--ttl', 'abc'], /^--ttl must be a whole number from 1000 on, not "abc"\nusage: npm run bench:take-over/]
  ] as const) {
    const { status, stdout, stderr } = run(script, ...args)
    t.match({ status, stdout, stderr }, { status: 2, stdout: '', stderr: told }, `${script} ${args.join(' ')}`)
    t.notMatch(stderr, /^ {4}at /m)
  }
})

void t.test('--help is no mistake', async (t) => {
  for (const script of ['simulate/main.ts', 'bench/take-over.ts']) t.match(run(script, '--help'), { status: 0, stdout: /^usage: npm run / }, script)
})
