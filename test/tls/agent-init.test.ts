// What `pitstop-agent init` leaves is enough for the authority, and what the authority issues is enough for the agent.
import { execFile } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { initAuthority, issueToFile } from '@pitstop/coordinator/pki/pki-files'
import t from 'tap'

const command = new URL('../../agent/bin/pitstop-agent', import.meta.url).pathname

void t.test('the request of init is signed by the authority, for this node and no other role', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-init-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const { NODE_OPTIONS: _loader, ...env } = process.env
  const run = promisify(execFile)
  await run(command, ['--config', join(folder, 'agent.yml'), 'init', '--fleet', 'lab', '--node', 'gitaly-01.test', '--gitaly', '127.0.0.1:8075', '--pki', folder], { env })
  const authority = { key: join(folder, 'authority.key'), certificate: join(folder, 'authority.pem') }
  await initAuthority(authority, 'lab', Date.now())
  const files = { ...authority, request: join(folder, 'pitstop.csr'), output: join(folder, 'pitstop.pem') }
  await t.rejects(issueToFile(files, { role: 'coordinator', name: 'gitaly-01.test' }, Date.now()), { code: 'WRONG_ROLE' })
  t.match(await issueToFile(files, { role: 'agent', name: 'gitaly-01.test' }, Date.now()), { identity: { fleet: 'lab', role: 'agent', name: 'gitaly-01.test' } })
  // A host without any command: much is in the way; the identity is not.
  appendFileSync(join(folder, 'agent.yml'), `\nhost: {root: ${folder}, path: [${folder}]}\n`)
  const doctor: { stdout: string } = await run(command, ['--config', join(folder, 'agent.yml'), 'doctor', '--json'], { env }).catch((error: { stdout: string }) => error)
  const { findings } = JSON.parse(doctor.stdout) as { findings: { topic: string, level: string, text: string }[] }
  t.match(findings.filter(({ topic }) => topic === 'identity'), [{ level: 'fine', text: /spiffe:\/\/lab\/pitstop\/agent\/gitaly-01\.test/ }])
})
