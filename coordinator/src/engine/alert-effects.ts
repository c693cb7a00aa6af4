// Reads which alerts fire. What that means is judged by domain/alert-gate; what cannot be read is noted as that.
import { asFault, type Reason } from '@pitstop/shared/fault'
import type { AlertReading } from '../domain/observed.ts'
import type { Hands } from './hands.ts'

/** Null: no gate on alerts is configured. */
export async function readAlerts({ alerts, clock }: Pick<Hands, 'alerts' | 'clock'>): Promise<AlertReading | Reason | null> {
  if (alerts === null) return null
  const at = clock.now()
  try {
    return { at, firing: await alerts.firing() }
  } catch (error) {
    return asFault(error).toReason()
  }
}

export const observeAlerts = async (hands: Hands): Promise<void> => { noteAlerts(hands, await readAlerts(hands)) }

export function noteAlerts(hands: Hands, read: AlertReading | Reason | null): void {
  if (read === null) return
  const now = hands.clock.now()
  const known = hands.observed().alerts?.reading ?? null
  if ('code' in read) hands.observe({ alerts: { reading: known, fault: { reason: read, at: now } } })
  // One that was asked for earlier and answered later says nothing new.
  else if (known === null || known.at <= read.at || known.at > now) hands.observe({ alerts: { reading: read, fault: null } })
}
