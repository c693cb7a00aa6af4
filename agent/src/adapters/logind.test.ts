// What logind says of a scheduled shutdown, in busctl's own JSON.
import t from 'tap'
import { parseScheduled } from './logind.ts'

void t.test('a scheduled shutdown is told with its time, and without it when the time is no date', (t) => {
  t.equal(parseScheduled('{"type":"(st)","data":["",0]}'), '')
  t.equal(parseScheduled('{"type":"(st)","data":["reboot",1700000000000000]}'), 'reboot at 2023-11-14T22:13:20.000Z')
  t.equal(parseScheduled('{"type":"(st)","data":["poweroff",18446744073709551615]}'), 'poweroff', 'USEC_INFINITY')
  t.equal(parseScheduled('{"type":"(st)","data":["reboot","soon"]}'), 'reboot')
  t.equal(parseScheduled('not json'), undefined)
  t.end()
})
