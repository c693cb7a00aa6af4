// The process under a stand-in host, as its holder has it: started tethered, so that it ends with this process however
// that ends, and asked to do to itself what a person does to a machine.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { nodeCache } from './command-wrapper.ts'
import { readIfThere } from './durable-file.ts'
import { encodeQuestion, pid1Address } from './pid1-question.ts'

export interface MachineProcess {
  /** Resolves at its first event. */
  readonly start: () => Promise<void>
  readonly pid: () => number | undefined
  readonly kill: (signal: NodeJS.Signals) => void
  readonly ended: () => Promise<void>
  /** One of the actions of machine.ts. */
  readonly act: (action: string) => Promise<void>
}

/** @param stir called when it tells an event and when it ends. */
export function createMachineProcess(root: string, stir: () => void): MachineProcess {
  let machine: ChildProcess | undefined
  return {
    async start() {
      const problems = openSync(join(root, 'var/log/machine.err'), 'a')
      const started = spawn(process.execPath, [new URL('machine.ts', import.meta.url).pathname, root, '--tethered'], {
        detached: true, stdio: ['pipe', 'pipe', problems],
        env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, NODE_COMPILE_CACHE: nodeCache, LANG: 'C.UTF-8' }
      })
      closeSync(problems)
      machine = started
      started.stdin?.on('error', () => undefined)
      await new Promise<void>((resolve, reject) => {
        started.stdout?.on('data', () => {
          resolve()
          stir()
        })
        started.on('error', reject)
        started.on('exit', (code) => {
          if (machine === started) machine = undefined
          reject(new Error(`the machine of ${root} ended with ${code ?? 'a signal'}: ${readIfThere(join(root, 'var/log/machine.err')) ?? ''}`))
          stir()
        })
      })
    },
    pid: () => machine?.pid,
    kill(signal) { machine?.kill(signal) },
    async ended() {
      const running = machine
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
      await new Promise<void>((resolve) => { running.once('exit', () => { resolve() }) })
    },
    async act(action) {
      const address = pid1Address(root)
      if (address === undefined) throw new Error(`no machine of ${root} runs: it cannot do ${action}`)
      await new Promise<void>((resolve, reject) => {
        const socket = connect(address, () => { socket.write(encodeQuestion({ root, command: 'machine', args: [action], environment: {}, pid: process.pid, parent: 0 })) })
        socket.on('error', reject)
        socket.on('data', () => undefined)
        socket.on('close', () => { resolve() })
      })
    }
  }
}
