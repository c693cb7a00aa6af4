// What `npm start` shows is a test: both ways through the demo, as processes.
import { spawn } from 'node:child_process'
import t from 'tap'

const demo = new URL('../demo/main.ts', import.meta.url).pathname

function run(...args: readonly string[]): Promise<{ exit: number | null, output: string }> {
  const { NODE_OPTIONS: _loader, ...env } = process.env
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [demo, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.once('error', reject)
    child.once('close', (exit) => { resolve({ exit, output }) })
  })
}

void t.test('npm start: all nodes done, weights and assigner as before', async (t) => {
  const { exit, output } = await run()
  t.equal(exit, 0, output)
  t.match(output, /all 6 nodes done/)
  t.match(output, /weights before and after: equal; assigner before and after: equal \(active\)/)
  t.match(output, /everything as it should be/)
})

void t.test('npm start -- --fault: halts with the reason, then retries to done', async (t) => {
  const { exit, output } = await run('--fault')
  t.equal(exit, 0, output)
  t.match(output, /Unable to write gitaly metadata file/)
  t.match(output, /node retry gitaly-04\.demo\.internal --reboot/)
  t.match(output, /everything as it should be/)
})
