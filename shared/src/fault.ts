// One shape for every "no": machines read the code, people the text. Reasons are faults that nobody throws.
import { type FaultCode, faultTable } from './fault-table.ts'

/** Typed reason of a decision, refusal or verdict. CLI, page and API print the same ones. */
export interface Reason {
  readonly code: FaultCode
  readonly text: string
  /** What to type or do. */
  readonly hint: string
}

/** @param text what happened, with names and numbers. @param hint better advice than the table's, if any. */
export const reason = (code: FaultCode, text: string, hint?: string): Reason =>
  ({ code, text, hint: hint ?? faultTable[code].hint })

export class Fault extends Error {
  readonly code: FaultCode
  readonly hint: string
  readonly retry: boolean
  /** Further reasons, when there is more than one ("all problems at once"). */
  readonly reasons: readonly Reason[]

  constructor(code: FaultCode, text: string, options: { hint?: string, cause?: unknown, reasons?: readonly Reason[] } = {}) {
    super(text, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Fault'
    this.code = code
    this.hint = options.hint ?? faultTable[code].hint
    this.retry = faultTable[code].retry
    this.reasons = options.reasons ?? []
  }

  toReason(): Reason {
    return { code: this.code, text: chain(this), hint: this.hint }
  }
}

/** Anything thrown, as a Fault: unknown errors become INTERNAL and keep their cause. */
export const asFault = (thrown: unknown): Fault =>
  thrown instanceof Fault ? thrown : new Fault('INTERNAL', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })

/** The whole chain of causes in one line, without repetition. */
export function chain(error: unknown): string {
  const texts: string[] = []
  for (let at: unknown = error; at !== undefined && at !== null && texts.length < 8; at = at instanceof Error ? at.cause : undefined) {
    const text = at instanceof Error ? at.message : typeof at === 'string' ? at : JSON.stringify(at)
    if (text !== '' && !texts.some((seen) => seen.includes(text))) texts.push(text)
  }
  return texts.join(': ')
}
