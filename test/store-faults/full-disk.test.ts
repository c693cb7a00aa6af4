// No room for the store: nothing is lost, nothing is half written, it says so, and it goes on when there is room again.
// On a real file system that is really full; and a window through it, where no effect goes ahead of its intent.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World } from '../world/world.ts'

/** A file system of its own, as small as wished; undefined when this process may not mount one. */
function smallDisk(t: { teardown(undo: () => void): void }, size: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    rmSync(folder, { recursive: true })
    return undefined
  }
  t.teardown(() => {
    execFileSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

const event = (text: string) => ({ type: 'frozen', by: 'ada', reason: text })

void t.test('a disk that runs full: what was journaled stays, what was not is not, and with room it goes on', async (t) => {
  const disk = smallDisk(t, '1m')
  if (disk === undefined) { t.pass('skipped: only root may mount a small disk', { skip: 'only root may mount a small disk' }); return }
  const path = join(disk, 'coordinator.db')
  const store = await openStore(path, 'lab')
  const lease = await store.takeLease('one', 'a:1', 60_000)
  const epoch = lease?.epoch ?? 0
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(600_000))
  let written = 0
  const refused = await (async (): Promise<unknown> => {
    try {
      for (; written < 5000; written++) await store.append(epoch, 's', 1, [event(`${written} ${'x'.repeat(500)}`), event('second of the same append')])
      return undefined
    } catch (error) { return error }
  })()
  t.match(refused, { code: 'STORE_UNAVAILABLE', message: /cannot journal: .*full/, hint: /room/ }, 'it is said what, why, and what to do')
  t.ok(written > 10)
  t.equal((await store.read('s')).length, written * 2, 'an append is whole or not at all')
  await t.rejects(store.append(epoch, 's', 1, [event('x'.repeat(500_000))]), { code: 'STORE_UNAVAILABLE' }, 'and again')
  rmSync(join(disk, 'ballast'))
  await store.append(epoch, 's', 1, [event('there is room again')])
  t.equal((await store.read('s')).length, written * 2 + 1)
  t.ok(await store.renewLease('one', epoch, 60_000))
  await store.close()
  const again = await openStore(path, 'lab')
  t.equal((await again.read('s')).length, written * 2 + 1, 'also after a restart')
  await again.close()
})

void t.test('a coordinator does not begin on a full disk, and leaves nothing half made', async (t) => {
  const disk = smallDisk(t, '64k')
  if (disk === undefined) { t.pass('skipped: only root may mount a small disk', { skip: 'only root may mount a small disk' }); return }
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(60_000))
  mkdirSync(join(disk, 'pitstop'))
  const path = join(disk, 'pitstop', 'coordinator.db')
  await t.rejects(openStore(path, 'lab'), { code: 'STORE_UNAVAILABLE', message: new RegExp(`${path}.*full`), hint: /room/ })
  rmSync(join(disk, 'ballast'))
  execFileSync('mount', ['-o', 'remount,size=2m', disk])
  const store = await openStore(path, 'lab')
  t.match(await store.takeLease('one', 'a:1', 1000), { epoch: 1 })
  await store.close()
  t.ok(readdirSync(join(disk, 'pitstop')).includes('coordinator.db'))
})

void t.test('the disk runs full in mid-window: no effect without its intent, it is said, and with room the window ends as if nothing had been', async (t) => {
  for (const after of [12, 25, 40]) {
    const world = new World({ nodes: 3 })
    await world.boot()
    await world.makePlan()
    await world.openWindow()
    const append = world.store.append.bind(world.store)
    let full = false
    world.store.append = async (...args) => {
      if (full) throw new Fault('STORE_UNAVAILABLE', 'cannot journal: database or disk is full')
      return append(...args)
    }
    await world.until(() => world.events().length >= after)
    full = true
    const before = world.events().length
    const effects = world.history.happenings.filter(({ what }) => what === 'order-sent' || what === 'weights-sent').length
    await world.clock.runUntil(() => false, 120_000)
    t.equal(world.events().length, before, 'nothing was journaled')
    const sent = world.history.happenings.filter(({ what }) => what === 'order-sent' || what === 'weights-sent').length
    t.ok(sent <= effects + 2, `nothing new was begun (${sent - effects} were under way)`)
    t.ok(world.troubles.some((text) => /disk is full/.test(text)), 'the coordinator says so')
    full = false
    await world.untilClosed()
    t.same(world.state().nodes.size, 3)
    t.same([0, 1, 2].map((index) => world.phase(index)), ['done', 'done', 'done'])
    t.same(checkHistory(world.evidence()), [], `full after ${after} events`)
  }
})
