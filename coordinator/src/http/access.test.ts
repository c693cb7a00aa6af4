// Who may do what: tokens by their role, files of tokens that are rotated, and the local CLI on its socket alone.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { as, local, openWindow, operatorToken, setup, viewerToken } from './api-under-test.ts'

void t.test('a token opens what its role allows, and nothing without one', async (t) => {
  const { api, logged } = await setup(t)
  const freeze = { method: 'POST', url: '/api/v1/freeze', payload: { reason: 'incident' } } as const
  for (const headers of [{}, as('viewer-token-0123456789abcdeX'), as(''), { authorization: 'Basic abc' }]) {
    const answer = await api.inject({ url: '/api/v1/status', headers })
    t.equal(answer.statusCode, 401)
    t.match(answer.json(), { code: 'UNAUTHENTICATED', text: String, hint: String, reasons: [] })
  }
  t.equal((await api.inject({ url: '/api/v1/status', headers: as(viewerToken) })).statusCode, 200)
  const denied = await api.inject({ ...freeze, headers: as(viewerToken) })
  t.equal(denied.statusCode, 403)
  t.match(denied.json(), { code: 'WRONG_ROLE', text: 'grafana is a viewer; POST takes an operator' })
  t.match((await api.inject({ ...freeze, headers: as(operatorToken) })).json(), { frozen: { by: 'ana', reason: 'incident' } }, 'the token\'s name is who did it')
  t.notMatch(logged.join('\n'), /token-0123/, 'no token is logged')
  t.match(logged.join('\n'), /ana: POST \/api\/v1\/freeze 200/)
})

void t.test('a rotated token file counts at once, and an empty one opens nothing', async (t) => {
  const { api, folder } = await setup(t)
  const ask = async (token: string): Promise<number> => (await api.inject({ url: '/api/v1/status', headers: as(token) })).statusCode
  await writeFile(join(folder, 'operator'), 'another-token-0123456789abcdef')
  t.equal(await ask(operatorToken), 401)
  t.equal(await ask('another-token-0123456789abcdef'), 200)
  await writeFile(join(folder, 'operator'), 'short')
  t.equal(await ask('another-token-0123456789abcdef'), 401)
  t.equal(await ask('short'), 401, 'what can be guessed is no token')
  t.equal(await ask(''), 401)
})

void t.test('the header of the local CLI is believed on the socket alone', async (t) => {
  const remote = await setup(t)
  t.equal((await remote.api.inject({ url: '/api/v1/status', headers: { 'pitstop-user': 'root' } })).statusCode, 401)
  const here = await setup(t, local)
  t.equal((await openWindow(here, { 'pitstop-user': 'bo' })).by, 'bo')
  const odd = await here.api.inject({ method: 'POST', url: '/api/v1/freeze', headers: { 'pitstop-user': 'a\tb <x>' }, payload: { reason: 'x' } })
  t.match(odd.json(), { frozen: { by: 'local' } })
})
