// The weights of the storages. A PUT replaces the whole hash, takes anything for a number and knows no
// precondition: so nothing leaves here that is not whole and sound, and never two at once.
import { Fault } from '@pitstop/shared/fault'
import { believe, settingsAnswer } from './answers.ts'
import type { Weights } from './port.ts'
import type { Transport } from './transport.ts'

const path = '/application/settings'
const adminHint = 'use a token of an administrator with scope api and, where Admin Mode is on, also admin_mode'

export async function readWeights(transport: Transport): Promise<Weights> {
  const doing = 'reading the weights'
  const answer = await transport.get(doing, path, adminHint)
  return believe(settingsAnswer, answer.body, doing).repository_storages_weighted
}

/** GitLab would turn null, "abc" or 12.7 into numbers and an all-zero hash into "everything to the first storage". */
function refuseBadWeights(weights: Weights): void {
  const entries = Object.entries(weights)
  if (entries.length === 0) throw new Fault('INVALID_INPUT', 'No weights to write: an empty hash would set every storage to 0', { hint: 'report this as a bug of the coordinator' })
  const bad = entries.filter(([, weight]) => !Number.isInteger(weight) || weight < 0 || weight > 100)
  if (bad.length > 0) {
    throw new Fault('INVALID_INPUT', `Weights must be whole numbers from 0 to 100: ${bad.map(([storage, weight]) => `${storage} = ${String(weight)}`).join(', ')}`, { hint: 'report this as a bug of the coordinator' })
  }
  if (entries.every(([, weight]) => weight === 0)) throw new Fault('WEIGHT_FLOOR', 'Every storage would have weight 0: GitLab would then put all new projects on the first one')
}

/** @returns a writer that refuses a second write while one is in flight, as two would overwrite each other. */
export function createWeightWriter(transport: Transport): (weights: Weights) => Promise<Weights> {
  let isWriting = false
  return async (weights) => {
    refuseBadWeights(weights)
    if (isWriting) throw new Fault('INTERNAL', 'A weight write is in flight already; a second one was not sent')
    isWriting = true
    try {
      const doing = 'writing the weights'
      const answer = await transport.send(doing, 'PUT', path, { repository_storages_weighted: weights }, adminHint)
      return believe(settingsAnswer, answer.body, doing).repository_storages_weighted
    } finally {
      isWriting = false
    }
  }
}
