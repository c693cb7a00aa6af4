// What the exit code of pitstop means: one table, printed by --help, kept by the tests.
import { type FaultCode, faultTable } from '@pitstop/shared/fault-table'

export const exitCodes = {
  done: { code: 0, meaning: 'done' },
  internal: { code: 1, meaning: 'a fault of pitstop, its store or a peer' },
  input: { code: 2, meaning: 'wrong usage, configuration or input; no such plan or node' },
  refused: { code: 3, meaning: 'refused: state, gates or preflight do not allow it' },
  unfinished: { code: 4, meaning: 'the window ended and something is left for another one' },
  failed: { code: 5, meaning: 'the window halted, nodes failed or promises are unpaid' },
  unreachable: { code: 6, meaning: 'the coordinator cannot be reached or does not act' },
  denied: { code: 7, meaning: 'denied: token, certificate or permissions' }
} as const

export type Exit = keyof typeof exitCodes

const exits: Partial<Record<FaultCode, Exit>> = {
  COORDINATOR_UNREACHABLE: 'unreachable', STANDBY: 'unreachable', LEASE_LOST: 'unreachable',
  UNAUTHENTICATED: 'denied', WRONG_ROLE: 'denied', WRONG_FLEET: 'denied', WRONG_NODE: 'denied', CERTIFICATE_INVALID: 'denied', PERMISSION_DENIED: 'denied',
  INVALID_CONFIGURATION: 'input', INVALID_INPUT: 'input', NOT_FOUND: 'input',
  STORE_BUSY: 'refused'
}

/** Refusals are 4xx other than those named above; everything else is trouble. */
export function exitOf(code: FaultCode): Exit {
  const { http } = faultTable[code]
  return exits[code] ?? (http >= 400 && http < 500 ? 'refused' : 'internal')
}

export const exitHelp = (): string =>
  ['Exit codes:', ...Object.values(exitCodes).map(({ code, meaning }) => `  ${code}  ${meaning}`)].join('\n')
