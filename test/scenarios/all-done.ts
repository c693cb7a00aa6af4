// The end that most scenarios want: every node patched and back.
import type { World } from '../world/world.ts'

export const allDone = (world: World): boolean => [...world.hosts.keys()].every((_, index) => world.phase(index) === 'done')
