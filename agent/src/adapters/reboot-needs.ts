// Why the host asks for a reboot, with needrestart's answer kept for as long as no package changes: Describe asks all the
// time and must not make the host work. Used by the agent and by the upgrade's unit; judged by domain/reboot-need.
import { asFault, chain } from '@pitstop/shared/fault'
import { expectedKernel } from '../domain/boot-check.ts'
import type { NeedrestartReading } from '../domain/needrestart.ts'
import { type RebootNeed, rebootNeed } from '../domain/reboot-need.ts'
import type { Known } from '../domain/veto.ts'
import type { HostFiles, HostSettings, RunCommand } from '../ports.ts'
import { askNeedrestart } from './needrestart.ts'
import { gitalyUnit } from './service-manager.ts'

export interface RebootNeeds {
  /** Asks needrestart now, unless it was asked this recently and no package has changed since. */
  readonly ask: (maxAgeMs?: number) => Promise<RebootNeed>
  /** From files, and from needrestart's last answer if that still holds. */
  readonly remembered: () => RebootNeed
}

export function rebootNeeds(run: RunCommand, files: HostFiles, settings: HostSettings): RebootNeeds {
  let last: { readonly stamp: string, readonly at: number, readonly answer: Known<NeedrestartReading> | undefined } | undefined
  const judge = (needrestart: Known<NeedrestartReading> | undefined): RebootNeed => {
    try {
      return rebootNeed({
        requiredBy: files.rebootRequired(), runningKernel: files.kernel(), expected: expectedKernel(files.boot()), needrestart, gitalyUnit: gitalyUnit(settings.gitaly)
      })
    } catch (error) {
      // Not known is not "no".
      return { required: true, because: [`whether a reboot is needed cannot be read: ${chain(asFault(error))}`], notes: [] }
    }
  }
  return {
    ask: async (maxAgeMs = 0) => {
      const [stamp, at] = [files.packagesStamp(), performance.now()]
      if (last?.stamp !== stamp || at - last.at >= maxAgeMs) last = { stamp, at, answer: await askNeedrestart(run, settings) }
      return judge(last.answer)
    },
    remembered: () => judge(last?.stamp === files.packagesStamp() ? last.answer : undefined)
  }
}
