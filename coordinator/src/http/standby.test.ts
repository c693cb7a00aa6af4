// What is said by a coordinator that does not act, or cannot: who acts instead, and where the promises stand meanwhile.
import t from 'tap'
import { Fault } from '@pitstop/shared/fault'
import { nodeNames } from './served-in-memory.ts'
import { as, local, openWindow, operatorToken, setup, viewerToken } from './api-under-test.ts'

void t.test('only the acting coordinator is ready; a standby names who acts', async (t) => {
  const { api, served } = await setup(t)
  t.equal((await api.inject({ url: '/healthz' })).statusCode, 200)
  const ready = await api.inject({ url: '/readyz' })
  t.equal(ready.statusCode, 200)
  t.match(ready.json(), { state: 'acting', lease: { holder: 'host/1/ab', address: 'pitstop.test:7442', epoch: 3, leftMs: 30_000 } })
  served.acting = false
  const answer = await api.inject({ url: '/readyz' })
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), { code: 'STANDBY', text: /host\/1\/ab at pitstop.test:7442 holds the lease/, hint: /pitstop --url https:\/\/pitstop.test:7443 --token-file FILE …, or on host/, state: 'standby', lease: { api: 'https://pitstop.test:7443' } })
})

void t.test('while the store is away the refusal names the file in which the promises stand', async (t) => {
  const { api, served } = await setup(t, { ...local, breakGlass: '/var/lib/pitstop/break-glass.txt' })
  served.lostPromises = async () => { throw new Fault('STORE_UNAVAILABLE', 'cannot read the journal: connect ECONNREFUSED', { hint: 'check the store' }) }
  for (const url of ['/api/v1/obligations', '/api/v1/why']) {
    const answer = await api.inject({ url })
    t.equal(answer.statusCode, 503)
    t.match(answer.json(), { code: 'STORE_UNAVAILABLE', hint: 'check the store. What must be put back stands in /var/lib/pitstop/break-glass.txt of the machine that acted last' }, url)
  }
  served.lostPromises = async () => { throw new Fault('STORE_CORRUPT', 'event 7 is damaged') }
  t.notMatch((await api.inject({ url: '/api/v1/why' })).json(), { hint: /break-glass/ })
})

void t.test('answers from a standby say that they are, unless they name who acts themselves', async (t) => {
  const given = await setup(t)
  const { api, served } = given
  await openWindow(given, as(operatorToken))
  const notice = async (path: string): Promise<string> => decodeURIComponent(String((await api.inject({ url: `/api/v1${path}`, headers: as(viewerToken) })).headers['pitstop-standby'] ?? ''))
  t.equal(await notice('/window'), '')
  served.acting = false
  for (const path of ['/window', '/nodes', `/nodes/${nodeNames[0]}`, '/obligations']) t.match(await notice(path), /^this coordinator stands by; host\/1\/ab at pitstop\.test:7442 holds the lease, last renewed 1s ago\. .*ask it: pitstop --url https:\/\/pitstop\.test:7443/, path)
  for (const path of ['/status', '/why', '/lease', '/plans', '/nodes/none']) t.equal(await notice(path), '', path)
})
