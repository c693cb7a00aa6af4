// Hosts that go down by themselves just where pitstop has something under way on them.
import type { HostFaults } from '../world/simulated-host.ts'
import type { Drawn } from './draw-window.ts'

type Crash = NonNullable<HostFaults['crash']>
const boots: readonly Crash['boot'][] = ['well', 'no-gitaly', 'no-gitaly', 'startup-error']

/** While it stages, settles or upgrades, or is prepared and waits. */
export function crashPreparing({ crashes, policy, times }: Drawn): Crash {
  const during = crashes.among(['stage', 'upgrade'] as const)
  return { during, afterMs: crashes.between(0, during === 'stage' ? times.stageMs + policy.settleMs : 2 * times.aptMs), boot: crashes.among(boots) }
}

/** While its reboot waits out its delay or runs its hooks; where there are none it has most likely begun by then. */
export const crashAheadOfReboot = ({ crashes, policy, times }: Drawn): Crash =>
  ({ during: 'reboot', afterMs: crashes.between(0, policy.rebootDelayMs + times.hooksMs + 60), boot: crashes.among(boots) })
