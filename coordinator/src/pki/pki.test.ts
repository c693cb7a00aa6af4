// Round trips of the authority: files, requests, certificates, and Node's own TLS as the judge.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { asFault, type Fault } from '@pitstop/shared/fault'
import type { Identity } from '@pitstop/shared/identity'
import { type Authority, createAuthority, fleetOfAuthority } from './authority.ts'
import { certificateFacts, explainCertificate, explainKey } from './certificate-facts.ts'
import { issueCertificate } from './issue.ts'
import { keyPair, makeKey, signing } from './key.ts'
import { initAuthority, issueToFile, requestCertificate } from './pki-files.ts'
import { createRequest } from './request.ts'
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from './x509.ts'

const day = 86_400_000
const now = Date.now()
const node: Identity = { fleet: 'gprd', role: 'agent', name: 'gitaly-01-stor-gprd.c.gitlab-gitaly-gprd-83fd.internal' }
const central: Identity = { fleet: 'gprd', role: 'coordinator', name: 'pitstop.internal' }

interface Bearer { readonly key: string, readonly cert: string }

async function bearer(authority: Authority, identity: Identity, at = now, days = 90): Promise<Bearer> {
  const { keyPem, requestPem } = await createRequest(identity)
  return { key: keyPem, cert: (await issueCertificate(requestPem, authority, identity, at, days)).certificatePem }
}

async function faultOf(t: Test, act: Promise<unknown>): Promise<Fault> {
  const thrown = await act.then(() => t.fail('a fault was expected'), (error: unknown) => error)
  const fault = asFault(thrown)
  t.notMatch(fault.message, /PRIVATE KEY/)
  return fault
}

/** A mutual handshake on loopback; answers what each side holds of the other, or the error. */
async function handshake(authority: string, server: Bearer, client: Bearer, servername: string): Promise<{ seenByServer: string | undefined, seenByClient: string | undefined } | { error: string }> {
  const listening = createServer({ ca: authority, ...server, requestCert: true, rejectUnauthorized: true }).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as { port: number }
  try {
    return await new Promise((resolve) => {
      const accepted = new Promise<TLSSocket>((done) => { listening.once('secureConnection', done) })
      const refused = (error: Error): void => resolve({ error: error.message })
      listening.once('tlsClientError', refused)
      const socket = connect({ host: '127.0.0.1', port, ca: authority, ...client, servername })
      socket.once('error', refused)
      socket.once('secureConnect', () => {
        void accepted.then((other) => {
          resolve({ seenByServer: other.getPeerX509Certificate()?.subjectAltName, seenByClient: socket.getPeerX509Certificate()?.subjectAltName })
          other.destroy()
          socket.destroy()
        })
      })
    })
  } finally {
    listening.close()
  }
}

void t.test('certificates of one authority shake hands, and each side reads the other\'s identity', async (t) => {
  const authority = await createAuthority('gprd', now)
  t.equal(fleetOfAuthority(authority.certificatePem), 'gprd')
  const [agent, coordinator] = [await bearer(authority, node), await bearer(authority, central)]
  t.strictSame(await handshake(authority.certificatePem, agent, coordinator, node.name), {
    seenByServer: 'URI:spiffe://gprd/pitstop/coordinator/pitstop.internal, DNS:pitstop.internal',
    seenByClient: `URI:spiffe://gprd/pitstop/agent/${node.name}, DNS:${node.name}`
  })
  t.match(await handshake(authority.certificatePem, agent, coordinator, 'other.internal'), { error: /does not match certificate's altnames/ })
  const other = await createAuthority('gprd', now)
  t.ok('error' in await handshake(authority.certificatePem, agent, await bearer(other, central), node.name), 'another authority of the same name is refused')
  t.ok('error' in await handshake(authority.certificatePem, agent, await bearer(authority, central, now - 100 * day), node.name), 'an expired client is refused')
  t.strictSame(explainCertificate(agent.cert, { ...node }, authority.certificatePem, now), [])
  t.equal(explainKey(agent.cert, agent.key), undefined)
  t.match(explainKey(agent.cert, coordinator.key), { code: 'CERTIFICATE_INVALID', text: /does not belong/ })
  t.match(explainKey(agent.cert, 'no key'), { code: 'CERTIFICATE_INVALID' })
})

void t.test('openssl accepts the chain and sees the constraints', async (t) => {
  const authority = await createAuthority('gprd', now)
  const agent = await bearer(authority, node)
  const folder = await temporaryFolder(t, 'pitstop-pki-')
  await writeFile(join(folder, 'ca'), authority.certificatePem)
  await writeFile(join(folder, 'leaf'), agent.cert)
  t.match(execFileSync('openssl', ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', join(folder, 'ca'), join(folder, 'leaf')], { encoding: 'utf8' }), /: OK/)
  t.match(execFileSync('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', join(folder, 'ca'), join(folder, 'leaf')], { encoding: 'utf8' }), /: OK/)
  t.match(execFileSync('openssl', ['x509', '-in', join(folder, 'ca'), '-noout', '-text'], { encoding: 'utf8' }), /CA:TRUE, pathlen:0[^]*Certificate Sign/)
  t.equal(new X509Certificate(agent.cert).ca, false)
})

void t.test('the wrong role, fleet, node, time or authority each get a plain reason', async (t) => {
  const authority = await createAuthority('gprd', now)
  const staging = await createAuthority('gstg', now)
  const { cert } = await bearer(authority, node)
  const explain = (expected: Parameters<typeof explainCertificate>[1], at = now, ca = authority.certificatePem, pem = cert): string[] =>
    explainCertificate(pem, expected, ca, at).map(({ code, text }) => `${code}: ${text}`)
  t.match(explain({ fleet: 'gprd', role: 'coordinator' }), [/^WRONG_ROLE: The certificate of spiffe:.* has the role agent; coordinator is needed here$/])
  t.match(explain({ fleet: 'gstg', role: 'agent' }), [/^WRONG_FLEET: .* belongs to fleet gprd; this is fleet gstg$/])
  t.match(explain({ fleet: 'gprd', role: 'agent', name: 'other.internal' }), [/^WRONG_NODE: .* other\.internal was expected$/])
  t.match(explain(node, now + 91 * day), [/^CERTIFICATE_INVALID: .* expired on/])
  t.match(explain(node, now - day), [/^CERTIFICATE_INVALID: .* is valid from/])
  t.match(explain(node, now, staging.certificatePem), [/^CERTIFICATE_INVALID: .* not signed by this fleet's authority \(its issuer: O=gprd, CN=pitstop authority\)$/])
  const bytes = Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  t.match(explain(node, now, authority.certificatePem, `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64')}\n-----END CERTIFICATE-----\n`), [/^CERTIFICATE_INVALID: .* not signed by/], 'a forged signature')
  t.match(explain({ ...node, notExpiringBefore: now + 91 * day }), [/^CERTIFICATE_EXPIRES: .* ends on/])
  t.strictSame(explain({ ...node, notExpiringBefore: now + 89 * day }), [])
  t.match(explain(node, now, authority.certificatePem, authority.certificatePem).join('\n'), /names no identity of pitstop[^]*not signed by[^]*may not be used as server and client/)
  t.match(explain(node, now, authority.certificatePem, 'rubbish'), [/holds no certificate/])
  t.equal(explain({ fleet: 'x', role: 'coordinator', name: 'y' }, now + 91 * day).length, 4, 'all reasons at once')
  t.match(certificateFacts(cert), { identity: node, issuer: 'O=gprd, CN=pitstop authority', notBefore: Number, notAfter: Number })
  t.throws(() => certificateFacts('rubbish'), { code: 'CERTIFICATE_INVALID' })
})

void t.test('the authority signs only what the operator named, and grants no other name', async (t) => {
  const authority = await createAuthority('gprd', now)
  const { keyPem, requestPem } = await createRequest(node)
  t.equal((await faultOf(t, issueCertificate(requestPem, authority, { role: 'coordinator', name: node.name }, now))).code, 'WRONG_ROLE')
  t.equal((await faultOf(t, issueCertificate(requestPem, authority, { role: 'agent', name: 'other.internal' }, now))).code, 'WRONG_NODE')
  t.equal((await faultOf(t, issueCertificate(requestPem, await createAuthority('gstg', now), node, now))).code, 'WRONG_FLEET')
  t.match(await faultOf(t, issueCertificate(requestPem, { ...authority, keyPem }, node, now)), { code: 'CERTIFICATE_INVALID', message: /key does not belong/ })
  t.match(await faultOf(t, issueCertificate(requestPem, { keyPem, certificatePem: 'x' }, node, now)), { code: 'CERTIFICATE_INVALID' })
  t.match(await faultOf(t, issueCertificate(requestPem, { ...authority, keyPem: 'x' }, node, now)), { code: 'INVALID_INPUT' })
  t.match(await faultOf(t, issueCertificate(requestPem, authority, node, now + 4000 * day)), { code: 'CERTIFICATE_INVALID', message: /authority's certificate ended/ })
  t.equal((await faultOf(t, issueCertificate(requestPem, authority, node, now, 0))).code, 'INVALID_INPUT')
  const late = await issueCertificate(requestPem, authority, node, now + 3600 * day)
  t.equal(late.notAfter, certificateFacts(authority.certificatePem).notAfter, 'never longer than the authority')
  t.match(late.summary.join('\n'), /the end of the authority itself/)

  const request = async (names: ConstructorParameters<typeof SubjectAlternativeNameExtension>[0], keys = keyPair(makeKey())): Promise<string> =>
    (await Pkcs10CertificateRequestGenerator.create({ name: 'CN=admin', keys, signingAlgorithm: signing, extensions: [new SubjectAlternativeNameExtension(names)] })).toString('pem')
  const uri = (text: string): { type: 'url', value: string } => ({ type: 'url', value: text })
  const greedy = await request([uri(`spiffe://gprd/pitstop/agent/${node.name}`), { type: 'dns', value: 'pitstop.internal' }, { type: 'ip', value: '10.0.0.1' }])
  const issued = await issueCertificate(greedy, authority, node, now)
  t.equal(new X509Certificate(issued.certificatePem).subjectAltName, `URI:spiffe://gprd/pitstop/agent/${node.name}, DNS:${node.name}`)
  t.notMatch(new X509Certificate(issued.certificatePem).subject, /admin/)
  t.match(issued.summary.join('\n'), /left out DNS:pitstop\.internal, IP:10\.0\.0\.1/)
  for (const bad of [
    await request([uri('spiffe://gprd/pitstop/agent/a.b'), uri('spiffe://gprd/pitstop/coordinator/a.b')]),
    await request([uri('spiffe://gprd/pitstop/admin/a.b')]),
    await request([uri('spiffe://gprd/pitstop/agent/a.b, URI:spiffe://gprd/pitstop/coordinator/a.b')]),
    await request([{ type: 'dns', value: node.name }])
  ]) t.match(await faultOf(t, issueCertificate(bad, authority, node, now)), { code: 'INVALID_INPUT', message: /names no identity/ })
  t.match(await faultOf(t, issueCertificate('rubbish', authority, node, now)), { code: 'INVALID_INPUT', message: /cannot be read/ })

  const bytes = Buffer.from(requestPem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const at = bytes.indexOf(Buffer.from('gitaly-01-stor'))
  bytes[at + 8] = '2'.charCodeAt(0)
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
  t.match(await faultOf(t, issueCertificate(forged, authority, node, now)), { code: 'INVALID_INPUT', message: /not signed with its own key/ })
})

void t.test('on disk: keys are 0600 and never replaced, certificates are renewed in place, nothing half-written stays', async (t) => {
  const folder = await temporaryFolder(t, 'pitstop-pki-')
  const at = (name: string): string => join(folder, name)
  const authority = { key: at('ca.key'), certificate: at('ca.crt') }
  await initAuthority(authority, 'gprd', now)
  const before = await readFile(authority.key, 'utf8')
  t.match(await faultOf(t, initAuthority(authority, 'gprd', now)), { code: 'INVALID_INPUT', message: /ca\.crt exists already/ })
  t.equal((await faultOf(t, initAuthority({ ...authority, certificate: at('new.crt') }, 'gprd', now))).code, 'INVALID_INPUT')
  t.equal(await readFile(authority.key, 'utf8'), before)
  t.equal((await faultOf(t, initAuthority({ key: at('x'), certificate: at('y') }, 'No Fleet', now))).code, 'INVALID_INPUT')

  const racing = { key: at('race.key'), certificate: at('race.crt') }
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => initAuthority(racing, 'gprd', now)))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1, 'of several at once one wins')
  t.equal(explainKey(await readFile(racing.certificate, 'utf8'), await readFile(racing.key, 'utf8')), undefined, 'with key and certificate')
  for (const path of Object.values(racing)) await rm(path)

  const files = { key: at('agent.key'), request: at('agent.csr') }
  await requestCertificate(files, node)
  const key = await readFile(files.key, 'utf8')
  t.match(await faultOf(t, requestCertificate(files, node)), { code: 'INVALID_INPUT', hint: /--reuse-key/ })
  const issuance = await issueToFile({ ...authority, request: files.request, output: at('agent.crt') }, node, now)
  t.match(issuance, { identity: node, summary: [/^signed   spiffe:\/\/gprd\/pitstop\/agent\//, /^serial /, /^valid    until/] })
  await requestCertificate(files, node, true)
  await issueToFile({ ...authority, request: files.request, output: at('agent.crt') }, node, now, 30)
  t.equal(await readFile(files.key, 'utf8'), key, 'renewal keeps the key')
  const certificate = await readFile(at('agent.crt'), 'utf8')
  t.equal(explainKey(certificate, key), undefined)
  t.ok(certificateFacts(certificate).notAfter < now + 31 * day)
  for (const [name, mode] of [['ca.key', 0o600], ['agent.key', 0o600], ['ca.crt', 0o644], ['agent.crt', 0o644]] as const) {
    t.equal((await stat(at(name))).mode & 0o777, mode, name)
  }
  t.match(await faultOf(t, issueToFile({ ...authority, request: at('none'), output: at('z') }, node, now)), { code: 'INVALID_INPUT', message: /none cannot be read \(ENOENT\)/ })
  t.match(await faultOf(t, requestCertificate({ key: at('no/folder/key'), request: at('r') }, node)), { code: 'INVALID_INPUT', message: /cannot be written/ })
  t.equal((await faultOf(t, requestCertificate({ key: at('k'), request: at('r') }, { ...node, name: 'Not A Host' }))).code, 'INVALID_INPUT')
  t.strictSame((await readdir(folder)).sort(), ['agent.crt', 'agent.csr', 'agent.key', 'ca.crt', 'ca.key'])
})

/** Gone with its test. */
async function temporaryFolder(owner: { teardown(handler: () => unknown): void }, prefix: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  owner.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
