// The one clock of the agent, its units and its command line. For tests on hosts that share a clock (containers) it can be
// set off: PITSTOP_TEST_CLOCK_OFFSET_MS, which is refused unless PITSTOP_LAB=1 says that this is a test. Imports nothing heavy.
import { Fault } from '@pitstop/shared/fault'
import type { Clock } from './ports.ts'

const offsetVariable = 'PITSTOP_TEST_CLOCK_OFFSET_MS'
const labVariable = 'PITSTOP_LAB'

type Environment = Readonly<Record<string, string | undefined>>

/** @throws Fault INVALID_CONFIGURATION: a production agent must not run on a clock that is made up. */
export function clockOffsetMs(environment: Environment): number {
  const text = environment[offsetVariable]
  if (text === undefined) return 0
  if (environment[labVariable] !== '1') {
    throw new Fault('INVALID_CONFIGURATION', `${offsetVariable} is set: it makes the clock wrong on purpose, for tests only`, { hint: `remove ${offsetVariable} from the environment of pitstop-agent` })
  }
  if (!/^-?\d{1,12}$/.test(text)) throw new Fault('INVALID_CONFIGURATION', `${offsetVariable} is ${JSON.stringify(text.slice(0, 40))}`, { hint: 'give whole milliseconds, such as -60000' })
  return Number(text)
}

const offsetMs = clockOffsetMs(process.env)

export const systemClock: Clock = { now: () => Date.now() + offsetMs, monotonic: () => performance.now() }

/** What a unit must be started with to have the same clock. Empty outside of tests. */
export const clockEnvironment: Readonly<Record<string, string>> = offsetMs === 0 ? {} : { [offsetVariable]: String(offsetMs), [labVariable]: '1' }
