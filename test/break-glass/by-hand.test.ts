// The commands of the break-glass file, run as a person runs them: bash, curl and jq against the GitLab stand-in. They put
// back what is owed, touch nothing else, and say "paid" only when GitLab's own answer does.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text as readAll } from 'node:stream/consumers'
import { breakGlass } from '@pitstop/coordinator/domain/break-glass'
import type { Promised } from '@pitstop/coordinator/domain/obligations'
import t from 'tap'
import { type GitLabStandIn, createGitLab } from '../stand-ins/gitlab/gitlab.ts'

const admin = { name: 'admin', value: 'a', user: { id: 1, username: 'root', admin: true }, scopes: ['api'], expiresAt: null }
const schedule = { id: 7, project: { id: 42, path: 'a/b' }, ownerId: 1, description: 'it is "active":true', hour: 4, active: false, variables: [] }
const assigner: Promised = { id: 'assigner', kind: 'assigner', subject: 'weight assigner', node: null, previous: true }
const weight = (storage: string, previous: number): Promised => ({ id: `weight:${storage}`, kind: 'weight', subject: storage, node: 'n', previous })

async function start(owner: { teardown(handler: () => unknown): void }): Promise<GitLabStandIn> {
  const standIn = createGitLab({ storages: ['one', 'it\'s "two"', 'three'], weights: { one: 0, 'it\'s "two"': 0, three: 5 }, tokens: [admin], schedule })
  await standIn.listen()
  owner.teardown(() => standIn.close())
  return standIn
}

const fileOf = (url: string, ...lost: readonly Promised[]): string =>
  breakGlass(null, lost, { gitlab: url, assigner: { url, project: 'a/b', schedule: 7 } }, { at: 0, holder: 'vm/1/ab', epoch: 5, entry: 9 })

/** A person's shell: what the file's header says first, then its commands one after the other. */
async function byHand(file: string, token = 'a'): Promise<string[]> {
  const commands = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const shell = spawn('bash', ['-c', ['set -o pipefail', `export TOKEN=${token}`, ...commands].join('\n')], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'ignore'] })
  const [said] = await Promise.all([readAll(shell.stdout), once(shell, 'exit')])
  return said.split('\n').filter((line) => line.startsWith('paid: '))
}

const tools = ['bash', 'curl', 'jq'].filter((tool) => { try { execFileSync('which', [tool]); return false } catch { return true } })
const skip = tools.length > 0 && `not installed here: ${tools.join(', ')}`

void t.test('RUNBOOK.md shows the file as it is written, in the order in which it is paid', async (t) => {
  const byHand = { gitlab: 'https://gitlab.example.com', assigner: { url: 'https://ops.gitlab.example.com', project: 'GROUP/PROJECT', schedule: 319 } }
  const written = { at: Date.UTC(2026, 10, 23, 6, 41, 30), holder: 'pitstop-1/812/9f3a01bc', epoch: 5, entry: 412 }
  const file = breakGlass(null, [assigner, { ...weight('nfs-file03', 85), node: 'gitaly-03.internal' }], byHand, written)
  const shown = file.split('\n').filter((line) => /^(?:# written|# weight|# assigner|curl) ?/.test(line)).map((line) => `   ${line}\n`).join('')
  t.ok(readFileSync(new URL('../../RUNBOOK.md', import.meta.url), 'utf8').includes(shown), shown)
})

void t.test('the file\'s own commands put weights and assigner back, the assigner last', { skip }, async (t) => {
  const standIn = await start(t)
  const file = fileOf(standIn.url, assigner, weight('one', 85), weight('it\'s "two"', 30))
  t.same(await byHand(file), ['paid: weight:one', 'paid: weight:it\'s "two"', 'paid: assigner'])
  t.same(standIn.world.weights(), { 'one': 85, 'it\'s "two"': 30, 'three': 5 })
  t.equal(standIn.world.schedule?.active, true)
  t.same(await byHand(file), ['paid: weight:one', 'paid: weight:it\'s "two"', 'paid: assigner'], 'again does no harm')
})

void t.test('an assigner that was inactive stays so', { skip }, async (t) => {
  const standIn = await start(t)
  standIn.world.saveSchedule('x', true)
  t.same(await byHand(fileOf(standIn.url, { ...assigner, previous: false })), ['paid: assigner'])
  t.equal(standIn.world.schedule?.active, false)
})

void t.test('nothing is called paid that GitLab does not show', { skip }, async (t) => {
  const standIn = await start(t)
  t.same(await byHand(fileOf(standIn.url, assigner, weight('one', 85)), 'wrong'), [])
  // Answers 200 to everything and saves nothing.
  standIn.world.saveSchedule = () => undefined
  standIn.world.writeWeights = () => undefined
  t.same(await byHand(fileOf(standIn.url, assigner, weight('one', 85))), [])
  await standIn.close()
  t.same(await byHand(fileOf(standIn.url, assigner, weight('one', 85))), [])
})
