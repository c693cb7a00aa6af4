// A clock that is wrong on purpose is for tests only, and an agent that was given one by mistake does not start.
import { execFileSync, spawnSync } from 'node:child_process'
import t from 'tap'
import { clockEnvironment, clockOffsetMs, systemClock } from './system-clock.ts'

void t.test('without PITSTOP_LAB=1 an offset is refused', (t) => {
  t.equal(clockOffsetMs({}), 0)
  t.equal(clockOffsetMs({ PITSTOP_LAB: '1' }), 0)
  t.equal(clockOffsetMs({ PITSTOP_LAB: '1', PITSTOP_TEST_CLOCK_OFFSET_MS: '-60000' }), -60_000)
  const refused = { code: 'INVALID_CONFIGURATION' }
  t.throws(() => clockOffsetMs({ PITSTOP_TEST_CLOCK_OFFSET_MS: '60000' }), refused)
  t.throws(() => clockOffsetMs({ PITSTOP_TEST_CLOCK_OFFSET_MS: '60000', PITSTOP_LAB: 'yes' }), refused)
  for (const text of ['', '1m', '1e3', '60.5']) t.throws(() => clockOffsetMs({ PITSTOP_LAB: '1', PITSTOP_TEST_CLOCK_OFFSET_MS: text }), refused, JSON.stringify(text))
  t.ok(Math.abs(systemClock.now() - Date.now()) < 1000)
  t.same(clockEnvironment, {}, 'units are told nothing')
  t.end()
})

void t.test('the agent does not start with one, and its units get the same one', (t) => {
  const { NODE_OPTIONS: _, ...env } = process.env
  const agent = new URL('./cli/main.ts', import.meta.url).pathname
  const { status, stderr } = spawnSync(process.execPath, [agent, '--config', '/nowhere.yml', 'serve'], { env: { ...env, PITSTOP_TEST_CLOCK_OFFSET_MS: '60000' }, encoding: 'utf8' })
  t.equal(status, 2, stderr)
  t.match(stderr, /PITSTOP_TEST_CLOCK_OFFSET_MS is set/)
  const module = new URL('./system-clock.ts', import.meta.url).href
  const told = execFileSync(process.execPath, ['-e', `import('${module}').then(({ systemClock, clockEnvironment }) => console.log(JSON.stringify([Math.round((systemClock.now() - Date.now()) / 1000), clockEnvironment])))`],
    { env: { ...env, PITSTOP_TEST_CLOCK_OFFSET_MS: '60000', PITSTOP_LAB: '1' }, encoding: 'utf8' })
  t.same(JSON.parse(told), [60, { PITSTOP_TEST_CLOCK_OFFSET_MS: '60000', PITSTOP_LAB: '1' }])
  t.end()
})
