// The event stream: the past, then what comes, without a gap over lost connections and take-overs.
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { Fault } from '@pitstop/shared/fault'
import { listenSocket } from './listen.ts'
import { nodeNames } from './served-in-memory.ts'
import { local, openWindow, setup } from './api-under-test.ts'

/** Follows the event stream until it has as many events as wanted. */
async function follow(socketPath: string, path: string, headers: Record<string, string>, wanted: number, atFirst: () => void = () => undefined): Promise<{ ids: number[], text: string }> {
  const asked = request({ socketPath, path, headers })
  asked.end()
  const [response] = await once(asked, 'response') as [IncomingMessage]
  let text = ''
  const ids = (): number[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
  for await (const chunk of response) {
    if (text === '') atFirst()
    text += String(chunk)
    if (ids().length >= wanted && /:\n\n/.test(text)) break
  }
  asked.destroy()
  return { ids: ids(), text }
}

void t.test('the event stream gives the past, then what comes, and goes on after a lost connection', async (t) => {
  const given = await setup(t, { ...local, heartbeatMs: 20 })
  const { api, served, folder } = given
  const socket = join(folder, 'api.sock')
  await listenSocket(api, socket)
  t.equal((await stat(socket)).mode & 0o777, 0o600, 'nobody else may open it')
  await openWindow(given)
  served.record({ type: 'window-rolling' })
  await served.freeze('ana', 'incident')

  const first = await follow(socket, '/api/v1/events', {}, 4, () => { served.record({ type: 'node-admitted', node: nodeNames[0] }) })
  t.same(first.ids, [1, 2, 3, 4], 'past and present in one order, fleet and window together')
  t.match(first.text, /data: \{"stream":"fleet","seq":3,/)
  const second = await follow(socket, '/api/v1/events', { 'last-event-id': '2' }, 3, () => { served.record({ type: 'node-prepared', node: nodeNames[0] }) })
  t.same(second.ids, [3, 4, 5])
  t.same((await follow(socket, '/api/v1/events?after=4', {}, 1)).ids, [5])
  const journal = served.journal.bind(served)
  served.journal = async (hash, after) => {
    served.record({ type: 'slot-taken', node: nodeNames[0] })
    return await journal(hash, after)
  }
  t.same((await follow(socket, '/api/v1/events?after=4', {}, 2)).ids, [5, 6], 'what happens while the past is read comes once')
  served.journal = journal
  t.equal((await api.inject({ url: '/api/v1/events?after=x' })).statusCode, 400)
  t.equal((await api.inject({ url: '/api/v1/events', headers: { 'last-event-id': '-1' } })).statusCode, 400)
  for (let tries = 0; served.listeners > 0 && tries < 100; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
  t.equal(served.listeners, 0, 'who has gone is forgotten')
})

void t.test('a standby follows what the acting coordinator stores, and misses nothing when it takes over in the middle', async (t) => {
  const given = await setup(t, { ...local, heartbeatMs: 20, standbyMs: 10 })
  const { api, served, folder } = given
  const socket = join(folder, 'api.sock')
  await listenSocket(api, socket)
  await openWindow(given)
  served.acting = false
  t.same((await follow(socket, '/api/v1/events', {}, 3, () => { served.record({ type: 'window-rolling' }, { type: 'node-admitted', node: nodeNames[0] }) })).ids, [1, 2, 3])
  for (let tries = 0; served.listeners > 0 && tries < 500; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
  // What the predecessor stored is read under way when the first event of our own comes.
  const journalAfter = served.journalAfter.bind(served)
  let readings = 0
  served.journalAfter = async (after) => {
    const read = await journalAfter(after)
    readings += 1
    if (readings === 2) {
      served.record({ type: 'node-prepared', node: nodeNames[0] })
      served.acting = true
    }
    // The last look before it is told of everything itself: it comes behind this one's back.
    if (readings === 4) served.record({ type: 'slot-taken', node: nodeNames[0] })
    return read
  }
  t.same((await follow(socket, '/api/v1/events?after=3', {}, 2)).ids, [4, 5], 'its last and our first, once each and in order')
  served.journalAfter = journalAfter
  t.same((await follow(socket, '/api/v1/events?after=4', {}, 2, () => { served.record({ type: 'slot-returned', node: nodeNames[0], reasons: [] }) })).ids, [5, 6])

  // Followers that have gone would read in between.
  for (let tries = 0; served.listeners > 0 && tries < 500; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
  t.equal(served.listeners, 0)
  served.acting = false
  served.journalAfter = async () => { throw new Fault('STORE_UNAVAILABLE', 'the store does not answer') }
  t.equal((await api.inject({ url: '/api/v1/events' })).statusCode, 503, 'it says so and does not show the past alone')
  served.journalAfter = async (after) => {
    served.journalAfter = async () => { throw new Fault('STORE_UNAVAILABLE', 'the store does not answer') }
    return await journalAfter(after)
  }
  t.same((await follow(socket, '/api/v1/events?after=5', {}, 99)).ids, [6], 'a stream that cannot be kept up ends, so that its follower asks again')
})

void t.test('a stream ends when the coordinator stops', async (t) => {
  const { api, folder, served } = await setup(t, local)
  const socket = join(folder, 'api.sock')
  await listenSocket(api, socket)
  await served.freeze('ana', 'x')
  const ended = await follow(socket, '/api/v1/events', {}, 99, () => { void api.close() })
  t.same(ended.ids, [1], 'in good order, not cut off')
})
