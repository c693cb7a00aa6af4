// What goes wrong at random moments of a window, beside what its network, GitLab, store and hosts draw call by call.
import { reason, type Reason } from '@pitstop/shared/fault'
import type { SimulatedHost } from '../world/simulated-host.ts'
import type { World } from '../world/world.ts'
import type { Chance } from './chance.ts'
import { crashAheadOfReboot, crashPreparing } from './crashes.ts'
import type { Drawn } from './draw-window.ts'
import * as odds from './odds.ts'
import type { Seats } from './seats.ts'
import type { Tally } from './tally.ts'
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
  readonly #tally: Tally
  /** What GitLab, store and file do until then (true time). */
  readonly #until = { gitlabDown: 0, storeAway: 0 }

  constructor(world: World, seats: Seats, weather: Weather, chance: Chance, tally: Tally) {
    this.#tally = tally
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
    const tally = this.#tally
    const { refused, errorBefore, errorAfter, lostBefore, lostAfter, landsLate, partly, readError, readLimited } = odds.gitlab
    const writeGoes = (): ReturnType<typeof gitlab.faults.writeGoes> => {
      if (down()) return chance.among(['refused', 'error-before', 'lost-before'])
      let x = chance.next() / times
      for (const [name, goes, share] of [['refused', 'refused', refused], ['errorBefore', 'error-before', errorBefore], ['errorAfter', 'error-after', errorAfter], ['lostBefore', 'lost-before', lostBefore], ['lostAfter', 'lost-after', lostAfter], ['partly', 'partly', partly]] as const) {
        if (x < share) {
          tally.struck(`gitlab ${name}`)
          return goes
        }
        x -= share
      }
      if (x >= landsLate) return 'well'
      tally.struck('gitlab landsLate')
      return { landsAfterMs: chance.between(10_500, 29_900) }
    }
    const readGoes = (): ReturnType<typeof gitlab.faults.readGoes> => {
      if (down()) return 'error'
      const x = chance.next() / times
      if (x >= readError + readLimited) return 'well'
      tally.struck(x < readError ? 'gitlab readError' : 'gitlab readLimited')
      return x < readError ? 'error' : 'limited'
    }
    gitlab.faults = { writeGoes, scheduleGoes: writeGoes, readGoes }
    this.#world.storeGoes = () => {
      if (clock.now() < this.#until.storeAway) return 'away'
      const x = chance.next() / times
      const { away, unanswered, slow } = odds.store
      if (x >= away + unanswered + slow) return 'well'
      const fate = x < away ? 'away' : x < away + unanswered ? 'unanswered' : 'slow'
      tally.struck(`store ${fate}`)
      return fate === 'slow' ? { slowMs: chance.among([20, 300, 2500]) } : fate
    }
    this.#world.killAt = () => {
      if (!chance.happens(odds.crashes.coordinatorAtWrite * times)) return null
      tally.struck('crash coordinatorAtWrite')
      return chance.among(['before', 'after'])
    }
  }

  /** Host by host. */
  drawHosts(drawnWindow: Drawn): void {
    const { seed, mood: { times }, times: hostTimes, crashes } = drawnWindow
    const chance = this.#chance.fork()
    const tally = this.#tally
    for (const [index, host] of this.#hosts.entries()) {
      host.times = { ...hostTimes, rebootMs: hostTimes.rebootMs + chance.between(0, 4000) }
      const drawn = chance.fork()
      host.agent.dies = () => {
        const fate = drawn.happens(odds.crashes.agentAtWrite * times) ? drawn.among(['before', 'after'] as const) : null
        if (fate === null) return null
        tally.struck('crash agentAtWrite')
        this.#world.clock.after(drawn.between(500, 20_000), () => { if (host.up) host.agent.restarted() })
        return fate
      }
      /** Which fault stands behind what the host will tell of. */
      const as = new Map<Parameters<SimulatedHost['onFault']>[0], odds.NodeFault>()
      const is = (fault: odds.NodeFault, kind?: Parameters<SimulatedHost['onFault']>[0], by = chance): boolean => {
        if (!by.happens(odds.nodes[fault] * times)) return false
        tally.drawn(`node ${fault}`)
        if (kind !== undefined) as.set(kind, fault)
        return true
      }
      // Agents are upgraded one after the other: in some windows some are of the release before.
      host.agent.refusesOvertaken = seed % 3 === 0 && index % 2 === 0
      host.onFault = (kind) => {
        const fault = as.get(kind)
        if (fault !== undefined) tally.fired(`node ${fault}`)
      }
      if (is('veto', 'veto')) this.#vetoes(host)
      host.faults.upgrade = is('upgradeFails', 'upgrade') ? 'fails' : is('upgradeRestartsGitaly', 'upgrade') ? 'restarts-gitaly' : is('upgradeStopsGitaly', 'upgrade') ? 'stops-gitaly' : undefined
      host.faults.boot = is('slowBoot', 'boot') ? { slowMs: chance.between(5, 200) * seconds } : is('neverBack', 'boot') ? 'never' : is('startupError', 'boot') ? 'startup-error'
        : is('noGitaly', 'boot') ? 'no-gitaly' : is('bootsAgain', 'boot') ? 'again' : is('wrongKernel', 'boot') ? { unwell: 'kernel' } : is('storageChanged', 'boot') ? { unwell: 'storage' } : undefined
      if (is('relapse', 'relapse')) host.faults.relapseAfterMs = chance.between(0, 25) * seconds
      if (is('firingVeto', 'firingVeto')) host.faults.firingVeto = chance.among(vetoes)()
      if (is('crashesPreparing', 'crash', crashes)) host.faults.crash = crashPreparing(drawnWindow)
      else if (is('crashesAheadOfReboot', 'crash', crashes)) {
        host.faults.crash = crashAheadOfReboot(drawnWindow)
        if (crashes.happens(0.5)) host.faults.loseOrder = 'answer'
      }
      if (is('noReport')) host.onReady = () => { tally.fired('node noReport') }
    }
  }

  /** At random moments of the window. */
  drawMoments({ mood: { times } }: Drawn, lastsMs: number): void {
    for (const [trouble, rate] of Object.entries(odds.troubles) as [odds.Trouble, number][]) {
      for (let rest = rate * times; rest > 0; rest--) {
        if (!this.#chance.happens(Math.min(1, rest))) continue
        this.#tally.drawn(`moment ${trouble}`)
        this.#world.clock.after(this.#chance.between(0, lastsMs), () => { if (this.#strike(trouble)) this.#tally.fired(`moment ${trouble}`) })
      }
    }
  }

  /** @returns whether it came to anything. */
  #strike(trouble: odds.Trouble): boolean {
    const chance = this.#chance
    const world = this.#world
    const { clock, gitlab } = world
    const host = chance.among(this.#hosts)
    const now = clock.now()
    switch (trouble) {
      case 'hostReboots': {
        const { up } = host
        host.rebootBySelf()
        return up
      }
      case 'gitalyRestarts':
        if (!host.serves) return false
        host.restartGitaly(chance.among([300, 2000, 30_000]))
        return true
      case 'agentHangs':
        host.faults.unreachable = true
        clock.after(30 * seconds, () => { if (host.faults.unreachable === true) host.agent.breakStreams() })
        clock.after(chance.between(2, 150) * seconds, () => { delete host.faults.unreachable })
        return true
      case 'agentCrashes':
        host.agent.died()
        clock.after(chance.between(1, 30) * seconds, () => { if (host.up) host.agent.restarted() })
        return true
      case 'vetoComes': this.#vetoes(host); return true
      case 'hostClockJumps': host.clockOffMs = chance.among([-1, 1]) * chance.among([400, 3000, 8000, 60_000]); return true
      case 'cutOff':
        this.#weather.cutOff = true
        world.history.add({ at: now, what: 'cut-off', cut: true })
        clock.after(chance.between(5, 180) * seconds, () => {
          this.#weather.cutOff = false
          world.history.add({ at: clock.now(), what: 'cut-off', cut: false })
        })
        return true
      case 'coordinatorKilled': {
        const process = this.#seats.someProcess()
        if (process === null) return false
        world.kill(process)
        return true
      }
      case 'coordinatorPaused': {
        const process = this.#seats.someProcess()
        if (process === null) return false
        process.sleep()
        clock.after(chance.among([500, 5000, 20_000, 90_000]), () => {
          world.history.add({ at: clock.now(), what: 'coordinator-woke', by: process.name })
          process.wake()
        })
        return true
      }
      case 'coordinatorClockJumps': {
        const process = this.#seats.someProcess()
        if (process === null) return false
        process.wallOffMs += chance.among([-1, 1]) * chance.among([500, 3000, 30_000, 3_600_000])
        world.history.add({ at: now, what: 'coordinator-clock', by: process.name, offMs: process.wallOffMs })
        return true
      }
      case 'storeAway': this.#until.storeAway = now + chance.among([1, 8, 60]) * seconds; return true
      case 'glassFails':
        world.glassFails = true
        clock.after(chance.between(1, 60) * seconds, () => { world.glassFails = false })
        return true
      case 'gitlabDown': this.#until.gitlabDown = now + chance.among([2, 20, 120]) * seconds; return true
      case 'weightChangedByOthers': {
        // Where it hurts, more often than not: what pitstop has at 0.
        const zero = Object.keys(gitlab.weights).filter((storage) => gitlab.weights[storage] === 0)
        const storage = chance.among(zero.length > 0 && chance.happens(0.6) ? zero : Object.keys(gitlab.weights))
        gitlab.writeAs('bob', { [storage]: chance.among([0, 1, 42, 100]) })
        return true
      }
      case 'assignerEnabled': gitlab.setScheduleAs('bob', true); return true
      case 'pipelineRuns': {
        const pipeline = { id: chance.between(1, 9999), status: 'running', source: 'schedule', webUrl: 'https://ops.test/pipeline' }
        gitlab.pipelines = [...gitlab.pipelines, pipeline]
        clock.after(chance.between(5, 120) * seconds, () => {
          if (gitlab.pipelines.includes(pipeline) && chance.happens(0.3)) gitlab.writeAs('the assigner', { [chance.among(Object.keys(world.initialWeights))]: chance.between(1, 100) })
          gitlab.pipelines = gitlab.pipelines.filter((each) => each !== pipeline)
        })
        return true
      }
      case 'movesRun': {
        const move = { source: chance.among([...world.storages.values()].flat()), destination: 'spare-1', state: 'started' }
        gitlab.moves = [...gitlab.moves, move]
        clock.after(chance.between(5, 120) * seconds, () => { gitlab.moves = gitlab.moves.filter((each) => each !== move) })
        return true
      }
      case 'storePutBack': {
        // Plans outlive it: without them nobody could say what a window was for.
        if (world.plan === undefined) return false
        const copy = world.store.copy()
        clock.after(chance.among([2, 15, 60, 240]) * seconds, () => { if (this.#seats.putBack(copy)) this.#tally.fired('moment storePutBack') })
        return false
      }
      default: return trouble satisfies never
    }
  }

  #vetoes(host: SimulatedHost): void {
    const veto = this.#chance.among(vetoes)()
    host.faults.vetoes = [...host.faults.vetoes ?? [], veto]
    if (this.#chance.happens(0.5)) this.#world.clock.after(this.#chance.between(5, 200) * seconds, () => { host.faults.vetoes = host.faults.vetoes?.filter((each) => each !== veto) ?? [] })
  }
}
