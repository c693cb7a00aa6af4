// kill -9 at every journal write, before and after it is stored: the same end each time, nobody hurt twice.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World } from '../world/world.ts'

type Path = (world: World) => Promise<void>

const happy: Path = async (world) => {
  await world.openDespiteKills()
  await world.untilClosed()
}

/** A start-up error halts; a person reboots the node again, and resumes once it is healthy. */
const haltAndRetry: Path = async (world) => {
  world.host(1).faults.boot = 'startup-error'
  await world.openDespiteKills()
  await world.until(() => world.has('window-halted'))
  await world.insist(() => world.say({ kind: 'retry', node: 'gitaly-02.test', mode: 'reboot' }), () => world.has('node-retried'))
  await world.until(() => world.phase(1) === 'returning' || world.phase(1) === 'done')
  await world.insist(() => world.say({ kind: 'resume' }), () => world.has('window-resumed'))
  await world.untilClosed()
}

for (const [name, path, boots] of [['the happy path', happy, 4], ['a halt and a retry', haltAndRetry, 5]] as const) {
  void t.test(`${name}, killed at every journal write`, async (t) => {
    const whole = new World()
    await path(whole)
    t.same(checkHistory(whole), [])
    const total = whole.appends
    t.ok(total > 60, `${total} journal writes`)
    const broken: string[] = []
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; at <= total; at++) {
        const world = new World()
        world.killAt = (append) => append === at ? when : null
        try {
          await path(world)
          const end = [...world.hosts.keys()].map((_, index) => world.phase(index)).join(' ')
          const booted = world.history.happenings.filter((each) => each.what === 'booted').length
          const problems = [...checkHistory(world), ...world.troubles]
          if (end !== 'done done done done') problems.push(end)
          if (booted !== boots) problems.push(`${booted} boots`)
          if (problems.length > 0) broken.push(`killed ${when} write ${at}: ${problems.join('; ')}`)
        } catch (error) {
          broken.push(`killed ${when} write ${at}: ${String(error)}`)
        }
      }
    }
    t.same(broken, [])
  })
}
