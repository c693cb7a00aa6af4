// How every property of this folder is held: seeded, bounded, and with a deadline for each single input, so that a text
// that makes a parser crawl fails as surely as one that makes it crash. FUZZ_SEED and FUZZ_RUNS look further by hand.
import fc from 'fast-check'
import { Fault } from '@pitstop/shared/fault'
import { isFaultCode } from '@pitstop/shared/fault-table'

const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_123)
const usualRuns = 300
/** Far more work than any input here should make. */
const deadlineMs = 4000

export function hold<T>(arbitrary: fc.Arbitrary<T>, rule: (input: T) => void, runs = usualRuns, examples: readonly NoInfer<T>[] = []): number {
  let tried = 0
  fc.assert(fc.property(arbitrary, (input) => {
    tried++
    const began = process.cpuUsage()
    rule(input)
    inTime(began)
  }), { seed, numRuns: Number(process.env['FUZZ_RUNS'] ?? runs), examples: examples.map((each): [T] => [each]) })
  return tried
}

export async function holdAsync<T>(arbitrary: fc.Arbitrary<T>, rule: (input: T) => Promise<void>, runs = usualRuns, examples: readonly NoInfer<T>[] = []): Promise<number> {
  let tried = 0
  await fc.assert(fc.asyncProperty(arbitrary, async (input) => {
    tried++
    const began = process.cpuUsage()
    await rule(input)
    inTime(began)
  }), { seed, numRuns: Number(process.env['FUZZ_RUNS'] ?? runs), examples: examples.map((each): [T] => [each]) })
  return tried
}

/** By the work done, not by the clock: tests share their machine. What waits for ever runs into the runner's own deadline. */
function inTime(began: NodeJS.CpuUsage): void {
  const { user, system } = process.cpuUsage(began)
  const took = (user + system) / 1000
  if (took > deadlineMs) throw new Error(`took ${Math.round(took)} ms`)
}

/** Bad input is told as what it is: a Fault of the table, with words and advice, and never "a fault of pitstop itself". */
export function requireFault(thrown: unknown, allowed?: readonly string[]): void {
  if (!(thrown instanceof Fault)) throw new Error(`no Fault: ${String(thrown)}`, { cause: thrown })
  if (!isFaultCode(thrown.code) || thrown.code === 'INTERNAL') throw new Error(`told as ${thrown.code}: ${thrown.message}`, { cause: thrown })
  if (allowed !== undefined && !allowed.includes(thrown.code)) throw new Error(`told as ${thrown.code}: ${thrown.message}`)
  if (thrown.message === '' || thrown.hint === '') throw new Error(`${thrown.code} without words or advice`)
  if (thrown.message.length > 20_000) throw new Error(`${thrown.code} repeats its input: ${thrown.message.length} characters`)
}

/** A good text, broken as files and wires break it: cut, doubled, with bytes changed or strange ones between. */
export const broken = (good: readonly string[]): fc.Arbitrary<string> => fc.oneof(
  fc.constantFrom(...good),
  fc.tuple(fc.constantFrom(...good), fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1))),
  fc.tuple(fc.constantFrom(...good), fc.nat(), strange).map(([text, at, piece]) => { const cut = at % (text.length + 1); return text.slice(0, cut) + piece + text.slice(cut) }),
  fc.tuple(fc.constantFrom(...good), fc.nat(), fc.nat(200), strange).map(([text, at, length, piece]) => { const cut = at % (text.length + 1); return text.slice(0, cut) + piece + text.slice(cut + length) }),
  fc.tuple(fc.constantFrom(...good), fc.integer({ min: 2, max: 2000 })).map(([text, times]) => text.repeat(times).slice(0, 200_000)),
  fc.string({ unit: 'binary', maxLength: 500 }),
  fc.tuple(strange, fc.integer({ min: 1, max: 50_000 })).map(([piece, times]) => piece.repeat(times).slice(0, 100_000))
)

export const strange: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('\0', '\u2028', '\ufeff', '\ufffd', '\r\n', '\n', '\t', '"', '\\', '{', '}', '[', ']', '(', ')', ':', ';', '-', '~', '1', 's', ' ', 'x=', '=', '"a"=', 'a:'),
  fc.constantFrom('__proto__', 'constructor', '-1', '1e999', '9'.repeat(400), '0x10', 'NaN', '\u0007\u001b[31m', '%00', '../../etc/passwd', '$(reboot)', '😀', 'ä'),
  fc.string({ unit: 'binary', maxLength: 12 })
)
