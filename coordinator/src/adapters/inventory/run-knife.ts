// The only process that the coordinator starts: knife, with an argument list (no shell) and a deadline. It gets the
// environment without anything that looks like a secret of ours.
import { execFile } from 'node:child_process'
import { Fault } from '@pitstop/shared/fault'
import { formatDuration } from '@pitstop/shared/duration'
import { redact } from '@pitstop/shared/redaction'
import type { KnifeSettings } from './inventory-section.ts'

/** More than a fleet of 10 000 nodes. */
const largestAnswer = 16 * 1024 * 1024

const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([key]) => !/token|secret|password|^NODE_OPTIONS$/i.test(key)))

const lastLine = (text: string): string => {
  const line = redact(text.trim().split('\n').at(-1) ?? '')
  return line === '' ? '' : `: ${line.slice(0, 300)}`
}

/** What knife printed. @throws Fault INVENTORY_EMPTY (exit 1), INVENTORY_UNREADABLE (everything else). */
export function runKnife({ command, query, deadlineMs }: KnifeSettings): Promise<string> {
  const [program = 'knife', ...first] = command
  const unreadable = (text: string, hint?: string): Fault => new Fault('INVENTORY_UNREADABLE', text, hint === undefined ? {} : { hint })
  return new Promise((resolve, reject) => {
    execFile(program, [...first, 'search', 'node', query, '-F', 'json', '-a', 'fqdn'], { timeout: deadlineMs, killSignal: 'SIGKILL', maxBuffer: largestAnswer, env: environment() }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const { code, killed } = error
      if (code === 'ENOENT' || code === 'EACCES') return reject(unreadable(`${program} cannot be started (${code})`, 'install Chef\'s knife for the user that runs the coordinator, or correct inventory.knife.command'))
      if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return reject(unreadable(`${program} printed more than ${largestAnswer} bytes`))
      if (killed === true) return reject(unreadable(`${program} did not end within ${formatDuration(deadlineMs)} and was killed`, 'try the same search by hand, or raise inventory.knife.deadline'))
      // knife ends with 1 both when nothing was found and when Ruby gave up: only the latter complains.
      if (code === 1 && !/^(?:ERROR|FATAL)\b|Error\b|Exception/m.test(stderr)) return reject(new Fault('INVENTORY_EMPTY', `knife found no node for ${query}`, { hint: 'check the query in inventory.knife.query' }))
      if (code === 99) return reject(unreadable(`The Chef server did not answer knife's search${lastLine(stderr)}`, 'check the Chef server and the user\'s knife.rb'))
      return reject(unreadable(`${program} failed with exit code ${code ?? 'none'}${lastLine(stderr)}`))
    })
  })
}
