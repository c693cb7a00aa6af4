// apt's own timers as systemd 252 shows them: what was running runs again, what somebody else keeps away stays away.
import t from 'tap'
import { inhibition, parseUnits, timersObligation } from './apt-timers.ts'
import { byHand } from './obligation.ts'

// systemctl show --property=Id,LoadState,ActiveState,Type, in a booted Debian 12 with unattended-upgrades.
const shown = `Id=apt-daily.timer
LoadState=loaded
ActiveState=active

Id=apt-daily-upgrade.timer
LoadState=masked
ActiveState=inactive

Id=apt-daily.service
LoadState=loaded
ActiveState=activating

Id=apt-daily-upgrade.service
LoadState=loaded
ActiveState=inactive

Id=unattended-upgrades.service
LoadState=not-found
ActiveState=inactive
`
const promised = { orderId: 'upgrade-1-aa', planHash: 'p', bootId: 'b', nowMs: 5, dueAtMs: 9 }

void t.test('running timers are stopped before they are masked; services that run are left to end', (t) => {
  const found = inhibition(parseUnits(shown))
  t.same(found, { stop: ['apt-daily.timer'], start: ['apt-daily.timer'], mask: ['apt-daily.timer', 'apt-daily.service', 'apt-daily-upgrade.service'] }, 'neither what is masked already nor what is not there')
  const obligation = timersObligation(found, promised)
  t.match(obligation, { id: 'timers-upgrade-1-aa', kind: 'timers', orderId: 'upgrade-1-aa', payable: 'order-ended', dueAtMs: 9, boundToBoot: 'b' })
  t.equal(obligation === undefined ? '' : byHand(obligation), 'systemctl unmask --runtime apt-daily.timer apt-daily.service apt-daily-upgrade.service && systemctl start apt-daily.timer')
  t.end()
})

void t.test('a timer that was off stays off; a host without these units owes nothing', (t) => {
  const off = inhibition(parseUnits('Id=apt-daily.timer\nLoadState=loaded\nActiveState=inactive\n'))
  t.same(off, { stop: [], start: [], mask: ['apt-daily.timer'] })
  t.same(timersObligation(off, promised)?.pay, [['systemctl', 'unmask', '--runtime', 'apt-daily.timer']])
  t.equal(timersObligation(inhibition(parseUnits('Id=apt-daily.timer\nLoadState=not-found\nActiveState=inactive\n\n')), promised), undefined)
  t.end()
})

void t.test('a service that was active is started again too, though it is not stopped; a oneshot at work is not', (t) => {
  const found = inhibition(parseUnits('Id=unattended-upgrades.service\nType=idle\nLoadState=loaded\nActiveState=active\n\nId=apt-daily.service\nType=oneshot\nLoadState=loaded\nActiveState=active\n'))
  t.same(found, { stop: [], start: ['unattended-upgrades.service'], mask: ['unattended-upgrades.service', 'apt-daily.service'] })
  t.same(timersObligation(found, promised)?.pay.at(-1), ['systemctl', 'start', 'unattended-upgrades.service'])
  t.end()
})
