// The files that the configuration names: each is told that cannot be read, by the key that names it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseSettings } from '../config.ts'
import { fileProblems } from './named-files.ts'

void t.test('the password and certificate files of the store are looked at too', async (t) => {
  const folder = t.testdir()
  const there = join(folder, 'there')
  writeFileSync(there, '')
  const settings = parseSettings(there, `fleet: lab
address: pitstop.test:7442
listen: { agents: 0.0.0.0:7442 }
tls: { certificate: ${there}, key: ${there}, authority: ${there} }
gitlab: { url: https://gitlab.test, token-file: ${there} }
inventory: { file: ${there} }
alerts: { url: https://am.test, token-file: ${folder}/none.token, ca-file: ${there}, close-on: [{ gate: a, matchers: [a=b] }] }
store: postgres://p@db/f?sslmode=verify-full&sslrootcert=${folder}/none.pem&sslcert=${folder}/none.crt&sslkey=${there}
store-password-file: ${folder}/none.password
`)
  t.match(fileProblems(settings, undefined).map(({ text }) => text), [/^store-password-file: .*none\.password cannot be read \(ENOENT\)/, /^sslrootcert in store: .*none\.pem/, /^sslcert in store: .*none\.crt/, /^alerts\.token-file: .*none\.token/])
  t.equal(fileProblems(settings, undefined).length, 4)
})
