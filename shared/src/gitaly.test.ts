// How Gitaly is reached and what it answers: addresses, tokens, and gRPC's own words for what goes wrong (as grpc-js 1.14
// on Node 26 prints them).
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { parseGitalyAddress } from './gitaly-address.ts'
import { bearerToken, secretIn } from './gitaly-token.ts'
import { gitalyTrouble } from './gitaly-trouble.ts'

void t.test('Gitaly\'s own schemes, and nothing else', (t) => {
  const good: readonly (readonly [string, object])[] = [
    ['gitaly-01.internal:9999', { scheme: 'tcp', target: 'gitaly-01.internal:9999', host: 'gitaly-01.internal' }],
    ['tcp://127.0.0.1:8075', { scheme: 'tcp', target: '127.0.0.1:8075', host: '127.0.0.1' }],
    ['tls://gitaly.internal:9075', { scheme: 'tls', target: 'gitaly.internal:9075', host: 'gitaly.internal' }],
    ['TLS://[::1]:9075', { scheme: 'tls', target: '[::1]:9075', host: '::1' }],
    ['unix:/var/opt/gitlab/gitaly/gitaly.socket', { scheme: 'unix', target: 'unix:/var/opt/gitlab/gitaly/gitaly.socket', host: '' }],
    ['unix:///var/opt/gitlab/gitaly/gitaly.socket', { scheme: 'unix', target: 'unix:/var/opt/gitlab/gitaly/gitaly.socket' }]
  ]
  for (const [text, expected] of good) t.match(parseGitalyAddress(text), expected, text)
  for (const text of ['', 'gitaly', 'gitaly:', ':9999', 'gitaly:0', 'gitaly:70000', 'http://gitaly:80', 'tls://', 'tls:gitaly:1', 'unix:relative', 'unix://relative/path', 'unix:', 'dns:///x:1', 'a b:1', '-x:1', 'tcp://x:1/path', 'x:1 ']) {
    t.equal(parseGitalyAddress(text), undefined, JSON.stringify(text))
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => { parseGitalyAddress(text); parseGitalyAddress(`tls://${text}:1`); parseGitalyAddress(`unix:/${text}`) }))
  t.end()
})

void t.test('a token is signed over the second, with the secret as it is without the file\'s line end', (t) => {
  const token = `Bearer v2.${createHmac('sha256', 'secret').update('1700000000').digest('hex')}.1700000000`
  t.equal(bearerToken('secret', 1_700_000_000_999), token)
  for (const text of ['secret', 'secret\n', ' secret\r\n']) t.equal(secretIn(text), 'secret')
  for (const text of ['', '\n', ' \r\n']) t.equal(secretIn(text), undefined)
  t.end()
})

void t.test('gRPC\'s words become the setting to look at; what is not known stays what it is', (t) => {
  const way = { address: 'tls://g:1', serverName: 'g', authority: '/ca.pem', keys: { authority: 'gitaly.authority', serverName: 'gitaly.server-name' } }
  const last = (text: string): string => `No connection established. Last error: ${text}. Resolution note: `
  const cases: readonly (readonly [string, string, object])[] = [
    ['UNAVAILABLE', last('Error: unable to verify the first certificate; if the root CA is installed locally, try running Node.js with --use-system-ca'), { kind: 'certificate', text: /no authority in \/ca\.pem.*gitaly\.authority/ }],
    ['UNAVAILABLE', last('Error: self-signed certificate'), { kind: 'certificate' }],
    ['UNAVAILABLE', last('Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate\'s altnames: Host: localhost. is not in the cert\'s altnames: DNS:gitaly.example'), { kind: 'certificate', text: /not for g but for DNS:gitaly\.example: .*gitaly\.server-name/ }],
    ['UNAVAILABLE', last('Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate\'s altnames: IP: 127.0.0.1 is not in the cert\'s list: '), { kind: 'certificate', text: /not for g: correct/ }],
    ['UNAVAILABLE', last('Error: certificate has expired'), { kind: 'certificate', text: /clock/ }],
    ['UNAVAILABLE', last('Error: 401332E36D7F0000:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/openssl/openssl/ssl/record/methods/tlsany_meth.c:78:\n'), { kind: 'certificate', text: /does not speak TLS/ }],
    ['UNAVAILABLE', last('Error: connect ECONNREFUSED 127.0.0.1:1'), { kind: 'silent', text: /^UNAVAILABLE: connect ECONNREFUSED 127\.0\.0\.1:1/ }],
    ['DEADLINE_EXCEEDED', 'Deadline exceeded after 1.500s,Waiting for LB pick', { kind: 'silent' }],
    ['PERMISSION_DENIED', 'permission denied', { kind: 'refused', text: 'PERMISSION_DENIED: permission denied' }],
    ['UNAUTHENTICATED', 'authentication required', { kind: 'refused' }]
  ]
  for (const [code, details, expected] of cases) t.match(gitalyTrouble(code, details, way), expected, details)
  fc.assert(fc.property(fc.string(), fc.string({ unit: 'binary' }), (code, details) => { if (gitalyTrouble(code, details, way).text === '') throw new Error('nothing said') }))
  t.end()
})
