// Secrets never reach a log, an event or an error text.

/** Header and field names whose values are secret; for the logger's redaction paths. */
export const secretNames = ['private-token', 'authorization', 'token', 'password', 'secret'] as const

const patterns = [/\bglpat-[\w.-]+/g, /\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, /(:\/\/[^/\s:@]+:)[^@\s/]+@/g]

/** Text with everything that looks like a token replaced. */
export const redact = (text: string): string =>
  text.replace(patterns[0] as RegExp, '[token]')
    .replace(patterns[1] as RegExp, '$1 [token]')
    .replace(patterns[2] as RegExp, '$1[password]@')
