// Certificates, keys and signing requests from anywhere: garbage is told as such, and never as good.
import { explainCertificate, explainKey } from '@pitstop/coordinator/pki/certificate-facts'
import { createRequest, readRequest } from '@pitstop/coordinator/pki/request'
import { identityFromAltNames } from '@pitstop/shared/identity'
import fc from 'fast-check'
import t from 'tap'
import { broken, hold, holdAsync, requireFault } from './hold.ts'

void t.test('no text is taken for a certificate, a key, a request or an identity that it is not', async (t) => {
  const { keyPem, requestPem } = await createRequest({ fleet: 'lab', role: 'agent', name: 'n1.test' })
  const pem = (label: string, body: string): string => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
  const texts = broken([keyPem, pem('CERTIFICATE', 'MIIB'), pem('CERTIFICATE', Buffer.alloc(2000, 0x30).toString('base64')), pem('CERTIFICATE REQUEST', 'AAAA'), pem('CERTIFICATE', 'A'.repeat(100_000))])
  t.ok(hold(fc.tuple(texts, texts), ([certificate, authority]) => {
    if (explainCertificate(certificate, { fleet: 'lab', role: 'agent' }, authority, Date.now()).length === 0) throw new Error('good, from nowhere')
    if (explainKey(certificate, keyPem) === undefined) throw new Error('a key for nothing')
  }, 200))
  t.ok(await holdAsync(broken([requestPem, pem('CERTIFICATE REQUEST', 'MIIB')]), async (text) => {
    try {
      const { identity } = await readRequest(text)
      if (identity.name !== 'n1.test' || identity.fleet !== 'lab') throw new Error(`somebody else: ${identity.name}`)
    } catch (error) { if (!(error instanceof Error && error.message.startsWith('somebody'))) requireFault(error, ['INVALID_INPUT']); else throw error }
  }, 150))
  t.ok(hold(broken(['DNS:n1.test, URI:spiffe://lab/pitstop/agent/n1.test', 'URI:spiffe://lab/pitstop/agent/n1.test, URI:spiffe://lab/pitstop/coordinator/x', 'URI:"spiffe://lab/pitstop/agent/n1\\u002e"']), (names) => {
    const identity = identityFromAltNames(names)
    if (identity !== undefined && (!names.split(', ').includes(`URI:spiffe://${identity.fleet}/pitstop/${identity.role}/${identity.name}`) || !/^[a-z0-9-]{1,63}$/.test(identity.fleet))) throw new Error(`${identity.fleet} of ${names}`)
  }))
  t.equal(identityFromAltNames('DNS:"a, URI:spiffe://lab/pitstop/coordinator/evil, b"'), undefined, 'a name inside another name is none')
  t.match(identityFromAltNames('DNS:"a, b", URI:spiffe://lab/pitstop/agent/n1.test'), { name: 'n1.test' })
})
