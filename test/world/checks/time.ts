// 8. Never late: what goes down has its p95, its soak and the allowance left until closing. Hosts judge by their own clock: one
// that is behind by what the final check lets pass may be late by as much.
import type { Books, Check } from './timeline.ts'

export function time({ plan, blame }: Books): Check {
  const { downEstimateMs, soakMs, allowanceMs } = plan.policy
  const last = plan.closesAt - downEstimateMs - soakMs - allowanceMs
  return {
    happened: (happening) => {
      if (happening.what !== 'gitaly-stopped' && happening.what !== 'order-accepted') return
      if (happening.what === 'gitaly-stopped' && happening.id === null) return
      const behindMs = Math.max(0, -(happening.clockOffMs ?? 0))
      if (happening.at - behindMs < last) return
      const what = happening.what === 'gitaly-stopped' ? 'went down' : `began to ${happening.step}`
      blame(`${happening.node} ${what} ${happening.at - last} ms after the last moment that fits before closing`)
    }
  }
}
