// Coordinators of one simulated fleet, each on a machine of its own, for scenarios that say who starts when.
import type { Coordinator } from '@pitstop/coordinator/engine/coordinator'
import { coordinatorIn } from './coordinator-in-world.ts'
import { Process } from './process.ts'
import { World } from './world.ts'

export interface Seat { readonly process: Process, readonly coordinator: Coordinator }

let started = 0

/** Its holder is named "<machine>/<number>/ab". People go on talking to whom they talked to. */
export async function bootOn(world: World, machine: string): Promise<Seat> {
  const process = new Process(`${machine}/${++started}/ab`, world.clock, machine)
  const coordinator = coordinatorIn(world, process)
  await world.settle(coordinator.start())
  return { process, coordinator }
}

/** On a database: nobody's lease ends with its process, and each machine remembers the store for itself. */
export function severalMachines(): World {
  const world = new World({ nodes: 3 })
  world.memories = new Map()
  world.embeddedStore = false
  return world
}
