// What happened to the stand-in, for tests and the history checker: one JSON object a line, in memory and, when a
// path is given, in a file (written at once, so that a killed process leaves it whole). It holds names of tokens,
// never their values. Two weight writes in flight at once are a violation.
import { appendFileSync } from 'node:fs'

export type LogLine =
  | { readonly at: number, readonly kind: 'request', readonly id: number, readonly method: string, readonly path: string, readonly token: string | null, readonly body?: unknown }
  | { readonly at: number, readonly kind: 'answer', readonly id: number, readonly status: number }
  /** The stored weights changed: `by` is the name of a token, "person" or "assigner". */
  | { readonly at: number, readonly kind: 'weights', readonly by: string, readonly before: Record<string, number>, readonly after: Record<string, number> }
  | { readonly at: number, readonly kind: 'schedule', readonly by: string, readonly active: boolean }
  | { readonly at: number, readonly kind: 'pipeline', readonly id: number, readonly status: string }
  | { readonly at: number, readonly kind: 'violation', readonly text: string }

type Unstamped<T> = T extends unknown ? Omit<T, 'at'> : never

export interface RequestLog {
  readonly lines: readonly LogLine[]
  readonly weightWritesInFlight: number
  readonly violations: readonly string[]
  add(line: Unstamped<LogLine>): void
  /** A write of weights arrived; call the answer once when it has landed or is gone for good. */
  weightWriteStarts(token: string): () => void
}

/** @param file path of the JSON-lines file, appended to. @param now epoch ms. */
export function createRequestLog(file: string | undefined, now: () => number = Date.now): RequestLog {
  const lines: LogLine[] = []
  let inFlight = 0
  const add = (line: Unstamped<LogLine>): void => {
    const stamped = { at: now(), ...line } as LogLine
    lines.push(stamped)
    if (file !== undefined) appendFileSync(file, `${JSON.stringify(stamped)}\n`)
  }
  return {
    lines,
    add,
    get weightWritesInFlight() { return inFlight },
    get violations() { return lines.flatMap((line) => line.kind === 'violation' ? [line.text] : []) },
    weightWriteStarts(token) {
      inFlight++
      if (inFlight > 1) add({ kind: 'violation', text: `${inFlight} weight writes in flight at once, the last by ${token}` })
      let ended = false
      return () => {
        if (!ended) inFlight--
        ended = true
      }
    }
  }
}
