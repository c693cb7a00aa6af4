// The handle by which a test in another process moves the stand-in: no part of GitLab, no token asked.
import type { FastifyInstance } from 'fastify'
import type { PlantedFault } from './faults.ts'
import type { GitLabStandIn } from './gitlab.ts'
import type { AssignerRun, Move } from './world.ts'

export function addControl(app: FastifyInstance, standIn: GitLabStandIn): void {
  const { world, log, faults } = standIn
  app.get('/-/stand-in/state', () => ({
    weights: world.weights(), stored: world.stored, storages: world.storages, violations: log.violations,
    schedule: world.schedule === undefined ? null : { active: world.schedule.active, nextRunAt: world.schedule.nextRunAt },
    pipelines: world.pipelines, moves: world.moves
  }))
  app.get('/-/stand-in/log', () => log.lines)
  app.post('/-/stand-in/faults', (request) => {
    faults.plant(request.body as PlantedFault)
    return { ok: true }
  })
  app.delete('/-/stand-in/faults', () => {
    faults.clear()
    return { ok: true }
  })
  app.post('/-/stand-in/person', (request) => {
    const { storage, weight } = request.body as { storage: string, weight: number }
    world.personSets(storage, weight)
    return { ok: true }
  })
  app.post('/-/stand-in/schedule', (request) => {
    world.saveSchedule('person', (request.body as { active: boolean }).active)
    return { ok: true }
  })
  app.post('/-/stand-in/assigner', (request) => ({ id: world.startAssigner(request.body as AssignerRun) }))
  app.post('/-/stand-in/pipeline', (request) => {
    const { id, status } = request.body as { id: number, status: string }
    return { ok: world.endPipeline(id, status) }
  })
  app.post('/-/stand-in/moves', (request) => {
    world.moves = request.body as Move[]
    return { ok: true }
  })
  app.post('/-/stand-in/remove-storage', (request) => {
    world.removeStorage((request.body as { storage: string }).storage)
    return { ok: true }
  })
}
