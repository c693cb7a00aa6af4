// What runsv says of the service that it supervises: supervise/status, 20 bytes, replaced at each change. The same bytes
// that `sv status` prints as words. Pure; never throws.

export interface RunsvStatus {
  readonly state: 'down' | 'run' | 'finish'
  /** 0 = none. */
  readonly pid: number
  readonly want: 'up' | 'down'
}

const states = ['down', 'run', 'finish'] as const
const length = 20

/** undefined = not of this form: it says nothing. */
export function parseRunsvStatus(bytes: Uint8Array): RunsvStatus | undefined {
  if (bytes.length !== length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  // Twelve bytes are the instant of the last change; then the process, paused, what is wanted, whether TERM was sent, the state.
  const pid = view.getUint32(12, true)
  const want = { u: 'up', d: 'down' }[String.fromCharCode(view.getUint8(17))] as RunsvStatus['want'] | undefined
  const state = states[view.getUint8(19)]
  return want === undefined || state === undefined ? undefined : { state, pid, want }
}

/** It was told to end, has ended, and is not started again. */
export const hasEnded = ({ state, pid, want }: RunsvStatus): boolean => state === 'down' && pid === 0 && want === 'down'
