// The checker is worth what it sees, part one: fencing, slots, intents, promises.
import t from 'tap'
import { provePlanted } from './planted.ts'

provePlanted(t, [1, 2, 3, 4])
