// What lies beside the store and belongs to somebody else is not overwritten: another fleet's memory and promises, or a file
// that was named as the break-glass file by mistake.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { breakGlassFile, refuseForeignGlass } from '@pitstop/coordinator/adapters/break-glass-file'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import { storeMemoryFile } from '@pitstop/coordinator/adapters/store-memory-file'
import { asFault } from '@pitstop/shared/fault'
import t from 'tap'

const folder = mkdtempSync(join(tmpdir(), 'pitstop-neighbours-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
const glass = join(folder, 'break-glass.txt')
const memory = { incarnation: 'b7c1', epoch: 7, seq: 120 }

void t.test('a second fleet in the folder of another is refused, and what is there stays', async (t) => {
  const told: string[] = []
  const of = (fleet: string) => storeMemoryFile(glass, fleet, (text) => { told.push(text) })
  await of('north').write(memory)
  t.same(await of('north').read(), memory)
  const fault = await of('south').read().catch(asFault)
  t.match(fault, { code: 'INVALID_CONFIGURATION', message: /store-memory\.json belongs to fleet north, not to south/, hint: `give each fleet a folder of its own: break-glass: ${join(folder, 'south/break-glass.txt')}` })
  t.same(await of('north').read(), memory)
  t.same(told, [])
})

void t.test('the memory of an older release names no fleet: it is anybody\'s, and the next writing says whose', async (t) => {
  const memoryFile = join(folder, 'store-memory.json')
  writeFileSync(memoryFile, JSON.stringify({ version: 1, ...memory }))
  const recollection = storeMemoryFile(glass, 'south', () => undefined)
  t.same(await recollection.read(), memory)
  await recollection.write(memory)
  t.match(JSON.parse(readFileSync(memoryFile, 'utf8')), { fleet: 'south', epoch: 7 })
})

void t.test('a file that pitstop did not write is no break-glass file, whatever the configuration says', async (t) => {
  const store = join(folder, 'some.db')
  await (await openStore(store, 'lab')).close()
  const before = readFileSync(store)
  t.match(await refuseForeignGlass(store).catch(asFault), { code: 'INVALID_CONFIGURATION', message: /some\.db is no break-glass file of pitstop/, hint: /break-glass/ })
  t.same(readFileSync(store), before)
  await refuseForeignGlass(glass)
  for (const text of ['', '# pitstop: what must be put back if pitstop cannot (no window is open).\n', '# standby: pitstop on this machine does not act.\n']) {
    await breakGlassFile(glass)(text)
    await refuseForeignGlass(glass)
  }
})
