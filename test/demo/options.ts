// What the repository's own scripts were asked: options with their usage line, and numbers that are numbers. A mistake is
// told in a line with exit code 2, as the product's commands do it, and is no stack trace.
import { parseArgs, type ParseArgsConfig } from 'node:util'

/** Ends the process for --help (0) and for what is not understood (2). */
export function scriptOptions<T extends NonNullable<ParseArgsConfig['options']>>(usage: string, options: T) {
  if (process.argv.slice(2).some((each) => each === '--help' || each === '-h')) {
    console.log(`usage: ${usage}`)
    process.exit(0)
  }
  try { return parseArgs({ options }).values } catch (error) { return endWith((error as Error).message.replaceAll('\n', ' '), usage) }
}

/** A whole number of at least one; otherwise the process ends with 2. */
export function countOf(text: string, option: string, usage: string): number {
  return /^[1-9]\d{0,3}$/.test(text) ? Number(text) : endWith(`${option} must be a whole number from 1 on, not "${text}"`, usage)
}

/** Also 0 and large ones, as seeds are. */
export function numberOf(text: string, option: string, usage: string, least: number): number {
  const number = Number(text)
  return /^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least ? number : endWith(`${option} must be a whole number from ${least} on, not "${text}"`, usage)
}

export function endWith(problem: string, usage: string): never {
  console.error(`${problem}\nusage: ${usage}`)
  process.exit(2)
}
