// Reasons as a person reads them: code, text, what to do.
import type { Reason } from '@pitstop/shared/fault'

export function printReasons(reasons: readonly Reason[]): void {
  for (const { code, text, hint } of reasons) process.stdout.write(`${code}: ${text}\n${hint === '' ? '' : `    ${hint}\n`}`)
}
