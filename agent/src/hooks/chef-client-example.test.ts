// The shipped example: chef-client is away while the host is patched, and what somebody else disabled stays so.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { commandRunner } from '../adapters/run-command.ts'

const hook = new URL('../../hooks/before-upgrade/50-chef-client', import.meta.url).pathname
const state = (folder: string): string => { try { return readFileSync(join(folder, 'disabled'), 'utf8') } catch { return 'enabled' } }

void t.test('disabled with the order as reason, enabled again; somebody else\'s reason is respected', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-chef-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const command = (name: string, body: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`)
    chmodSync(join(folder, name), 0o755)
  }
  // In the words of GitLab's chef-client-disabler-shim.
  command('chef-client-disable', `printf %s "$1" > '${folder}/disabled'`)
  command('chef-client-enable', `rm -f '${folder}/disabled'`)
  command('chef-client-is-enabled', `if [ -e '${folder}/disabled' ]; then
    echo 'chef-client is currently disabled.  To re-enable, run:  chef-client-enable'
    echo 'Latest log entry from: /var/log/chef-client-disabler-shim.log'
    echo "2021-12-15 17:44:45 UTC  LOG  (ada)  Successfully disabled chef-client.  Comment: $(cat '${folder}/disabled')"; exit 1; fi
    echo 'chef-client is currently enabled.'`)
  const run = async (path: string): Promise<string> => {
    const { code, stdout, stderr } = await commandRunner([folder, '/usr/bin', '/bin'])({ argv: [path], deadlineMs: 5000, env: { PITSTOP_ORDER: 'upgrade-1-ab', PITSTOP_REASON: '' } })
    t.equal(code, 0, stderr)
    return stdout
  }
  await run(hook)
  t.equal(state(folder), 'pitstop upgrade-1-ab: patching of the operating system')
  await run(hook)
  t.match(await run(`${hook}.undo`), '')
  t.equal(state(folder), 'enabled')
  t.match(await run(`${hook}.undo`), /enabled already/)

  writeFileSync(join(folder, 'disabled'), 'incident 815, do not touch')
  t.match(await run(hook), /left as it is/)
  t.match(await run(`${hook}.undo`), /somebody else, left as it is/)
  t.equal(state(folder), 'incident 815, do not touch')

  rmSync(join(folder, 'disabled'))
  rmSync(join(folder, 'chef-client-is-enabled'))
  await run(hook)
  await run(`${hook}.undo`)
  t.equal(state(folder), 'enabled', 'older cookbooks have no chef-client-is-enabled')
})
