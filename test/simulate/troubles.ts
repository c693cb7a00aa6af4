// What goes wrong at random moments of a window, beside what its network, GitLab, store and hosts draw call by call.
import { reason, type Reason } from '@pitstop/shared/fault'
import type { SimulatedHost } from '../world/simulated-host.ts'
import type { World } from '../world/world.ts'
import type { Chance } from './chance.ts'
import type { Drawn } from './draw-window.ts'
import * as odds from './odds.ts'
import type { Seats } from './seats.ts'
import type { Weather } from './weather.ts'

const seconds = 1000

const vetoes: readonly (() => Reason)[] = [
  () => reason('DPKG_BROKEN', 'dpkg is half-way'), () => reason('DISK_FULL', 'no room'), () => reason('HOST_DISABLED', '/etc/pitstop/disabled exists'),
  () => reason('KERNEL_MISSING', 'no initrd'), () => reason('MANIFEST_DIFFERS', 'another mirror')
]

export class Troubles {
  readonly #world: World
  readonly #seats: Seats
  readonly #weather: Weather
  readonly #chance: Chance
  readonly #hosts: readonly SimulatedHost[]
  /** What GitLab, store and file do until then (true time). */
  readonly #until = { gitlabDown: 0, storeAway: 0 }

  constructor(world: World, seats: Seats, weather: Weather, chance: Chance) {
    this.#world = world
    this.#seats = seats
    this.#weather = weather
    this.#chance = chance
    this.#hosts = [...world.hosts.values()]
  }

  /** Call by call. */
  drawCalls({ mood: { times } }: Drawn): void {
    const { gitlab, clock } = this.#world
    const chance = this.#chance.fork()
    const down = (): boolean => clock.now() < this.#until.gitlabDown
    const { refused, errorBefore, errorAfter, lostBefore, lostAfter, landsLate, readError } = odds.gitlab
    const writeGoes = (): ReturnType<typeof gitlab.faults.writeGoes> => {
      if (down()) return chance.among(['refused', 'error-before', 'lost-before'])
      let x = chance.next() / times
      for (const [goes, share] of [['refused', refused], ['error-before', errorBefore], ['error-after', errorAfter], ['lost-before', lostBefore], ['lost-after', lostAfter]] as const) {
        if (x < share) return goes
        x -= share
      }
      return x < landsLate ? { landsAfterMs: chance.between(10_500, 29_900) } : 'well'
    }
    gitlab.faults = { writeGoes, scheduleGoes: writeGoes, readGoes: () => down() || chance.happens(readError * times) ? 'error' : 'well' }
    this.#world.storeGoes = () => {
      if (clock.now() < this.#until.storeAway) return 'away'
      const x = chance.next() / times
      const { away, unanswered, slow } = odds.store
      return x < away ? 'away' : x < away + unanswered ? 'unanswered' : x < away + unanswered + slow ? { slowMs: chance.among([20, 300, 2500]) } : 'well'
    }
    this.#world.killAt = () => chance.happens(odds.crashes.coordinatorAtWrite * times) ? chance.among(['before', 'after']) : null
  }

  /** Host by host. */
  drawHosts({ mood: { times }, times: hostTimes }: Drawn): void {
    const chance = this.#chance.fork()
    const { nodes } = odds
    for (const host of this.#hosts) {
      host.times = { ...hostTimes, rebootMs: hostTimes.rebootMs + chance.between(0, 4000) }
      const drawn = chance.fork()
      host.agent.dies = () => {
        const fate = drawn.happens(odds.crashes.agentAtWrite * times) ? drawn.among(['before', 'after'] as const) : null
        if (fate !== null) this.#world.clock.after(drawn.between(500, 20_000), () => { if (host.up) host.agent.restarted() })
        return fate
      }
      const is = (probability: number): boolean => chance.happens(probability * times)
      if (is(nodes.veto)) this.#vetoes(host)
      host.faults.upgrade = is(nodes.upgradeFails) ? 'fails' : is(nodes.upgradeRestartsGitaly) ? 'restarts-gitaly' : is(nodes.upgradeStopsGitaly) ? 'stops-gitaly' : undefined
      host.faults.boot = is(nodes.slowBoot) ? { slowMs: chance.between(5, 200) * seconds } : is(nodes.neverBack) ? 'never' : is(nodes.startupError) ? 'startup-error'
        : is(nodes.noGitaly) ? 'no-gitaly' : is(nodes.bootsAgain) ? 'again' : is(nodes.wrongKernel) ? { unwell: 'kernel' } : is(nodes.storageChanged) ? { unwell: 'storage' } : undefined
      if (is(nodes.relapse)) host.faults.relapseAfterMs = chance.between(0, 25) * seconds
      if (is(nodes.firingVeto)) host.faults.firingVeto = chance.among(vetoes)()
      if (is(nodes.noReport)) host.onReady = null
    }
  }

  /** At random moments of the window. */
  drawMoments({ mood: { times } }: Drawn, lastsMs: number): void {
    for (const [trouble, rate] of Object.entries(odds.troubles) as [odds.Trouble, number][]) {
      for (let rest = rate * times; rest > 0; rest--) {
        if (this.#chance.happens(Math.min(1, rest))) this.#world.clock.after(this.#chance.between(0, lastsMs), () => { this.#strike(trouble) })
      }
    }
  }

  #strike(trouble: odds.Trouble): void {
    const chance = this.#chance
    const world = this.#world
    const { clock, gitlab } = world
    const host = chance.among(this.#hosts)
    const now = clock.now()
    switch (trouble) {
      case 'hostReboots': host.rebootBySelf(); return
      case 'gitalyRestarts': if (host.up && host.servingSince > 0) host.restartGitaly(chance.among([300, 2000, 30_000])); return
      case 'agentHangs':
        host.faults.unreachable = true
        clock.after(30 * seconds, () => { if (host.faults.unreachable === true) host.agent.breakStreams() })
        clock.after(chance.between(2, 150) * seconds, () => { delete host.faults.unreachable })
        return
      case 'agentCrashes':
        host.agent.died()
        clock.after(chance.between(1, 30) * seconds, () => { if (host.up) host.agent.restarted() })
        return
      case 'vetoComes': this.#vetoes(host); return
      case 'hostClockJumps': host.clockOffMs = chance.among([-1, 1]) * chance.among([400, 3000, 8000, 60_000]); return
      case 'cutOff':
        this.#weather.cutOff = true
        world.history.add({ at: now, what: 'cut-off', cut: true })
        clock.after(chance.between(5, 180) * seconds, () => {
          this.#weather.cutOff = false
          world.history.add({ at: clock.now(), what: 'cut-off', cut: false })
        })
        return
      case 'coordinatorKilled': {
        const process = this.#seats.someProcess()
        if (process !== null) world.kill(process)
        return
      }
      case 'coordinatorPaused': {
        const process = this.#seats.someProcess()
        process?.sleep()
        clock.after(chance.among([500, 5000, 20_000, 90_000]), () => { process?.wake() })
        return
      }
      case 'coordinatorClockJumps': {
        const process = this.#seats.someProcess()
        if (process === null) return
        process.wallOffMs += chance.among([-1, 1]) * chance.among([500, 3000, 30_000])
        world.history.add({ at: now, what: 'coordinator-clock', by: process.name, offMs: process.wallOffMs })
        return
      }
      case 'storeAway': this.#until.storeAway = now + chance.among([1, 8, 60]) * seconds; return
      case 'glassFails':
        world.glassFails = true
        clock.after(chance.between(1, 60) * seconds, () => { world.glassFails = false })
        return
      case 'gitlabDown': this.#until.gitlabDown = now + chance.among([2, 20, 120]) * seconds; return
      case 'weightChangedByOthers': {
        // Where it hurts, more often than not: what pitstop has at 0.
        const zero = Object.keys(gitlab.weights).filter((storage) => gitlab.weights[storage] === 0)
        const storage = chance.among(zero.length > 0 && chance.happens(0.6) ? zero : Object.keys(gitlab.weights))
        gitlab.writeAs('bob', { [storage]: chance.among([0, 1, 42, 100]) })
        return
      }
      case 'assignerEnabled': gitlab.setScheduleAs('bob', true); return
      case 'pipelineRuns': {
        const pipeline = { id: chance.between(1, 9999), status: 'running', source: 'schedule', webUrl: 'https://ops.test/pipeline' }
        gitlab.pipelines = [...gitlab.pipelines, pipeline]
        clock.after(chance.between(5, 120) * seconds, () => {
          if (gitlab.pipelines.includes(pipeline) && chance.happens(0.3)) gitlab.writeAs('the assigner', { [chance.among(Object.keys(world.initialWeights))]: chance.between(1, 100) })
          gitlab.pipelines = gitlab.pipelines.filter((each) => each !== pipeline)
        })
        return
      }
      case 'movesRun': {
        const move = { source: chance.among([...world.storages.values()].flat()), destination: 'spare-1', state: 'started' }
        gitlab.moves = [...gitlab.moves, move]
        clock.after(chance.between(5, 120) * seconds, () => { gitlab.moves = gitlab.moves.filter((each) => each !== move) })
        return
      }
      default: trouble satisfies never
    }
  }

  #vetoes(host: SimulatedHost): void {
    const veto = this.#chance.among(vetoes)()
    host.faults.vetoes = [...host.faults.vetoes ?? [], veto]
    if (this.#chance.happens(0.5)) this.#world.clock.after(this.#chance.between(5, 200) * seconds, () => { host.faults.vetoes = host.faults.vetoes?.filter((each) => each !== veto) ?? [] })
  }
}
