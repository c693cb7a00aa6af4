// The bytes of runit 2.1.2, as its sv.c reads them.
import fc from 'fast-check'
import t from 'tap'
import { hasEnded, parseRunsvStatus } from './runsv-status.ts'

const bytes = (pid: number, want: string, state: number): Buffer => {
  const status = Buffer.from('400000006b03b4283532b0c40000000000000000', 'hex')
  status.writeUInt32LE(pid, 12)
  status[17] = want.charCodeAt(0)
  status[19] = state
  return status
}

void t.test('only a service that was told to end, has ended and is not started again has ended', (t) => {
  t.same(parseRunsvStatus(bytes(70_000, 'u', 1)), { state: 'run', pid: 70_000, want: 'up' })
  t.same(parseRunsvStatus(bytes(0, 'd', 0)), { state: 'down', pid: 0, want: 'down' })
  const ended = ([pid, want, state]: readonly [number, string, number]): boolean => {
    const status = parseRunsvStatus(bytes(pid, want, state))
    return status !== undefined && hasEnded(status)
  }
  t.ok(ended([0, 'd', 0]))
  t.notOk(ended([42, 'd', 1]), 'told, and not ended')
  t.notOk(ended([0, 'u', 0]), 'it crashed: runsv starts it again')
  t.notOk(ended([42, 'd', 2]), 'its finish script runs')
  t.end()
})

void t.test('what is not of this form says nothing', (t) => {
  t.equal(parseRunsvStatus(bytes(0, 'd', 0).subarray(0, 19)), undefined)
  t.equal(parseRunsvStatus(Buffer.concat([bytes(0, 'd', 0), Buffer.alloc(1)])), undefined)
  t.equal(parseRunsvStatus(bytes(0, 'x', 0)), undefined)
  t.equal(parseRunsvStatus(bytes(0, 'd', 3)), undefined)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 24 }), (any) => {
    const status = parseRunsvStatus(any)
    if (status !== undefined && any.length !== 20) throw new Error('believed')
  }))
  t.end()
})
