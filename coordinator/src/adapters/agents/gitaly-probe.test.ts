// The coordinator's own question to Gitaly: every scheme, and a reason for each no.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { HealthService } from '@pitstop/proto'
import { bearerToken } from '@pitstop/shared/gitaly-token'
import t from 'tap'
import { gitalyProbe } from './gitaly-probe.ts'

const folder = mkdtempSync('/tmp/pitstop-probe-')
t.teardown(() => rmSync(folder, { recursive: true }))
const openssl = (...args: string[]): void => { execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' }) }
for (const name of ['ca', 'other']) {
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`)
  openssl('req', '-x509', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-days', '2', '-out', `${name}.pem`, '-addext', 'basicConstraints=critical,CA:TRUE')
}
writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n')
openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'gitaly.key')
openssl('req', '-new', '-key', 'gitaly.key', '-subj', '/CN=gitaly', '-out', 'gitaly.csr')
openssl('x509', '-req', '-in', 'gitaly.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out', 'gitaly.pem')
const file = (name: string): Buffer => readFileSync(join(folder, name))

type Teardown = { teardown: (undo: () => unknown) => void }

/** @param secret it asks for a token of this second. */
async function gitaly(t: Teardown, credentials = grpc.ServerCredentials.createInsecure(), secret?: string): Promise<number> {
  const server = new grpc.Server()
  server.addService(HealthService.service, {
    Check: (call: grpc.ServerUnaryCall<unknown, object>, answer: grpc.sendUnaryData<object>) => {
      const shown = String(call.metadata.get('authorization')[0] ?? '')
      const good = [0, 1000].map((ago) => bearerToken(secret ?? '', Date.now() - ago))
      if (secret === undefined || good.includes(shown)) answer(null, { status: 'SERVING' })
      else answer({ code: shown === '' ? grpc.status.UNAUTHENTICATED : grpc.status.PERMISSION_DENIED, details: shown === '' ? 'authentication required' : 'permission denied' })
    }
  })
  t.teardown(() => { server.forceShutdown() })
  return new Promise((resolve, reject) => { server.bindAsync('127.0.0.1:0', credentials, (error, port) => { if (error === null) resolve(port); else reject(error) }) })
}

const ask = (t: Teardown, address: string, settings: Parameters<typeof gitalyProbe>[0] = {}): Promise<{ serving: boolean, text: string }> => {
  const probe = gitalyProbe(settings)
  t.teardown(() => { probe.close() })
  return probe.ask(address)
}

void t.test('from outside too: tcp and tls, held against the configured authority', async (t) => {
  const plain = await gitaly(t)
  const secure = await gitaly(t, grpc.ServerCredentials.createSsl(null, [{ private_key: file('gitaly.key'), cert_chain: file('gitaly.pem') }]))
  const authority = join(folder, 'ca.pem')
  for (const address of [`127.0.0.1:${plain}`, `tcp://127.0.0.1:${plain}`, `tls://localhost:${secure}`]) t.match(await ask(t, address, { authority }), { serving: true, text: /SERVING/ }, address)
  t.match(await ask(t, `tls://localhost:${secure}`, { authority: join(folder, 'other.pem') }), { serving: false, text: /of no authority in .*other\.pem.*gitaly-authority/ })
  t.match(await ask(t, `tls://127.0.0.1:${secure}`, { authority }), { serving: false, text: /is not for 127\.0\.0\.1/ })
  t.match(await ask(t, `tls://localhost:${secure}`, { authority: '/nowhere.pem' }), { serving: false, text: /cannot be asked.*nowhere\.pem/ })
  t.match(await ask(t, 'nonsense'), { serving: false, text: /must be host:port, tcp/ })
  t.match(await ask(t, '127.0.0.1:1'), { serving: false, text: /ECONNREFUSED/ }, 'why, not only that it took too long')
})

void t.test('a refused token names the clock; no token at all is reachable enough', async (t) => {
  const port = await gitaly(t, grpc.ServerCredentials.createInsecure(), 'secret')
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, 'secret\n')
  t.match(await ask(t, `127.0.0.1:${port}`, { tokenFile }), { serving: true })
  writeFileSync(tokenFile, 'other\n')
  t.match(await ask(t, `127.0.0.1:${port}`, { tokenFile }), { serving: false, text: /refuses the token.*the host's clock\? .* here it is 20/ })
  t.match(await ask(t, `127.0.0.1:${port}`, { tokenFile: '/nowhere' }), { serving: false, text: /cannot be asked.*ENOENT/ }, 'and is no fault of the agent')
  t.match(await ask(t, `127.0.0.1:${port}`), { serving: true, text: /UNAUTHENTICATED/ })
})
