// What stands behind the end of a reboot's unit, carried out: a shell reads these words as systemd does. systemd itself
// does in the lab (test/lab/outage-faults.test.ts).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { rebootProperties } from './unit-properties.ts'

const lineOf = (word: string, afterwards: readonly string[]): string =>
  rebootProperties(word, afterwards).find((property) => property.startsWith('ExecStopPost='))?.slice('ExecStopPost='.length) ?? ''

const said = (line: string, result: string): string => execFileSync('/bin/sh', ['-c', `exec ${line}`], { env: { SERVICE_RESULT: result } }).toString()

void t.test('the end of the unit is looked after, unless it left word that the host goes down and ended by itself', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-stop-post-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const word = join(folder, 'going-down')
  const line = lineOf(word, ['/bin/echo', 'looked', '"after" it\'s end'])
  const looked = 'looked "after" it\'s end\n'
  t.equal(said(line, 'success'), looked, 'no word')
  t.equal(said(line, 'signal'), looked)
  writeFileSync(word, '')
  t.equal(said(line, 'success'), '', 'the shutdown is not held up')
  for (const result of ['signal', 'oom-kill', 'core-dump', 'exit-code', 'timeout', '']) t.equal(said(line, result), looked, `${result}: nobody else would see it come true`)
  t.end()
})

void t.test('nothing in it is spoiled when systemd 252 reads its own transient unit again', (t) => {
  const line = lineOf('/var/lib/pitstop-agent/orders/reboot-1-0123456789abcdef01234567/going-down', ['/usr/lib/pitstop-agent/node', '/usr/lib/pitstop-agent/reboot-unit.js', '/var/lib/pitstop-agent', 'reboot-1-0123456789abcdef01234567', 'ended'])
  t.match(line, /^\/bin\/sh -c "[^$;\\"'`]+"$/)
  t.end()
})
