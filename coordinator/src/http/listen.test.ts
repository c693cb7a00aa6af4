// Sockets: HTTPS away from loopback with certificates that are renewed, and what lies in the way of a local socket.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import { createAuthority } from '../pki/authority.ts'
import { issueCertificate } from '../pki/issue.ts'
import { createRequest } from '../pki/request.ts'
import { isLoopback, listenSocket, listenTcp, readPair, splitHostPort } from './listen.ts'
import { local, setup } from './api-under-test.ts'

void t.test('away from loopback it is HTTPS, and a renewed certificate needs no restart', async (t) => {
  const { folder, served } = await setup(t)
  const now = Date.now()
  const authority = await createAuthority('lab', now)
  const identity = { fleet: 'lab', role: 'coordinator', name: 'pitstop.test' } as const
  const files = { certificate: join(folder, 'c.pem'), key: join(folder, 'c.key') }
  const renew = async (): Promise<void> => {
    const { keyPem, requestPem } = await createRequest(identity)
    await writeFile(files.key, keyPem)
    await writeFile(files.certificate, (await issueCertificate(requestPem, authority, identity, now)).certificatePem)
  }
  await renew()
  const secure = await setup(t, { tls: readPair(files) })
  const url = await listenTcp(secure.api, '127.0.0.1:0', files, 20)
  t.match(url, /^https:/)
  const serial = (): Promise<string> => new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(url.split(':').at(-1)), servername: identity.name, ca: authority.certificatePem }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '')
      socket.destroy()
    }).once('error', reject)
  })
  const first = await serial()
  await renew()
  let second = first
  for (let tries = 0; second === first && tries < 100; tries++) {
    await new Promise((resolve) => { setTimeout(resolve, 20) })
    second = await serial()
  }
  t.not(second, first)
  t.equal(served.listeners, 0)
})

void t.test('a socket left behind is taken over, one that answers is not, and a file is left alone', async (t) => {
  const first = await setup(t, local)
  const second = await setup(t, local)
  const socket = join(first.folder, 'api.sock')
  await listenSocket(first.api, socket)
  await t.rejects(listenSocket(second.api, socket), { code: 'STORE_BUSY' })
  await writeFile(join(first.folder, 'file'), '')
  await t.rejects(listenSocket(second.api, join(first.folder, 'file')), { code: 'INVALID_CONFIGURATION' })
  const tcp = await setup(t)
  const url = await listenTcp(tcp.api, '127.0.0.1:0', undefined)
  t.match(url, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
  await t.rejects(listenTcp(second.api, url.slice(7), undefined), { code: 'INVALID_CONFIGURATION', message: /cannot listen for HTTP/ })
  t.same(['127.0.0.1', '::1', 'localhost', '0.0.0.0', '10.1.2.3', '::'].filter(isLoopback), ['127.0.0.1', '::1', 'localhost'], 'everywhere else HTTP is TLS')
  t.same(splitHostPort('[::1]:80'), { host: '::1', port: 80 })
})
