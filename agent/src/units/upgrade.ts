// The body of an upgrade order's unit: look once more, begin, install exactly what is staged, then tell from dpkg what is
// true. Always ends with an outcome on disk, unless it is killed: that is the agent's case INTERRUPTED. Must never end a dpkg
// that is at work: the unit's time is over then, not apt's.
import { setTimeout as sleep } from 'node:timers/promises'
import { asFault, reason } from '@pitstop/shared/fault'
import { formatDuration } from '@pitstop/shared/duration'
import { apt } from '../adapters/apt.ts'
import { known } from '../adapters/host-checks.ts'
import { wholeProgress } from '../adapters/order-follow.ts'
import { rebootNeeds } from '../adapters/reboot-needs.ts'
import { parseStatusLine } from '../domain/apt-progress.ts'
import { type AcceptedOrder, type Change, type Outcome, unitName } from '../domain/order-record.ts'
import { withoutObsolete } from '../domain/staged-packages.ts'
import { judgeUpgrade } from '../domain/upgrade-verdict.ts'
import { beginBehindHooks } from '../hooks/begin-behind-hooks.ts'
import { payAll } from '../obligations/pay.ts'
import type { Apt, CommandResult } from '../ports.ts'
import { outcome } from './begin.ts'
import { type ReadyToInstall, readyToInstall } from './ready-to-install.ts'
import { inhibitTimers, releaseTimers } from './timers.ts'
import type { UnitContext } from './unit-context.ts'

export async function upgrade(context: UnitContext): Promise<void> {
  const { store, id, run, settings, now, files } = context
  const accepted = store.read(id)?.accepted
  if (accepted === undefined) return
  const host = apt(run, settings, files)
  // A host that shuts down waits for this unit: apt is not begun any more, and not ended either.
  const stop = new AbortController()
  process.on('SIGTERM', () => { stop.abort() })
  const begunAtMs = await beginBehindHooks(context, 'before-upgrade')
  if (begunAtMs === undefined) return
  const needs = rebootNeeds(run, files, settings)
  let notes = accepted.notes
  const end = (status: Outcome['status'], reasons: Outcome['reasons'], changes: readonly Change[] = []): void => {
    const need = needs.remembered()
    store.finish(id, outcome(status, now(), begunAtMs, reasons, { changes, notes: [...notes, ...need.notes], rebootRequired: need.required }))
  }
  const uninhibited = await inhibitTimers(context, accepted)
  if (uninhibited !== '') notes = [...notes, uninhibited]
  try {
    const ready = await readyToInstall(context, host, accepted.install, stop.signal)
    if ('reasons' in ready) {
      end('vetoed', ready.reasons)
      // Nothing follows for which the hooks made room.
      await payAll(context, context.promises.unpaid().filter((each) => each.kind === 'hook' && each.orderId === id))
    } else if (ready.install.length === 0) {
      notes = [...notes, 'all of it was installed by somebody else meanwhile']
      await needs.ask()
      end('succeeded', [])
    } else {
      await install(context, host, accepted, ready, async (status, reasons, changes) => {
        await needs.ask()
        end(status, reasons, changes)
      })
    }
  } finally {
    await releaseTimers(context)
  }
}

type End = (status: Outcome['status'], reasons: Outcome['reasons'], changes: readonly Change[]) => Promise<void>

async function install({ store, id, settings }: UnitContext, host: Apt, accepted: AcceptedOrder, { before, install: asked, entries }: ReadyToInstall, end: End): Promise<void> {
  try {
    const running = host.install(entries, store.pathOf(id, 'progress'))
    const late = new AbortController()
    void sleep(settings.apt.deadlineMs, undefined, { signal: late.signal }).then(async () => {
      const doing = wholeProgress(store.pathOf(id, '.')).map(parseStatusLine).at(-1)?.text ?? 'nothing was heard of it'
      await end('failed', [reason('COMMAND_TIMEOUT', `apt has not ended within ${formatDuration(settings.apt.deadlineMs)} and is not killed; the last of it: ${doing}`,
        `on the host: systemctl status ${unitName(id)} shows what hangs; end that process, then look at dpkg --audit`)], [])
    }, () => undefined).catch(() => undefined) // Not on disk: apt's own end will be, and nothing may end this process before.
    const result = await running.finally(() => { late.abort() })
    const [after, dpkg] = await Promise.all([known(() => host.packages()), known(() => host.audit())])
    const { status, reasons, changes } = judgeUpgrade({ code: exitCode(result), output: `${result.stdout}\n${result.stderr}`, install: asked, before, after, dpkg })
    await end(status, reasons, changes.map((change) => described(change, accepted)))
    if (status === 'succeeded' && 'value' in after) host.archives.replace(withoutObsolete(host.archives.read(), after.value, [], Date.now()))
  } catch (error) { await end('failed', [asFault(error).toReason()], []) }
}

const exitCode = ({ code, timedOut }: CommandResult): number | null => timedOut ? null : code

const described = (change: Pick<Change, 'name' | 'from' | 'to'>, { simulated }: AcceptedOrder): Change => {
  const promised = simulated.find(({ name }) => name === change.name)
  return { ...change, origin: promised?.origin ?? '', security: promised?.security ?? false }
}
