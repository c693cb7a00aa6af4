// The checker is worth what it sees, part two: weights, proof, reboots, time, hosts, packages, reasons, gates.
import t from 'tap'
import { provePlanted } from './planted.ts'

provePlanted(t, [5, 6, 7, 8, 9, 10, 11, 12])
