// One wire for the whole lab: a bridge with the coordinator's side at .1, and for each host a network namespace of its own
// with one cable to it that can be pulled. Outlives the hosts' reboots, as a real switch does.
import { run } from './command.ts'

const bridge = 'lab0'
export const controlAddress = '10.77.0.1'
/** @param index from 0. */
export const hostAddress = (index: number): string => `10.77.0.${10 + index}`

export interface HostNetwork {
  /** For systemd-nspawn --network-namespace-path. */
  readonly namespace: string
  readonly cut: () => Promise<void>
  readonly join: () => Promise<void>
}

export async function layBridge(): Promise<void> {
  await run(['ip', 'link', 'add', bridge, 'type', 'bridge'])
  await run(['ip', 'addr', 'add', `${controlAddress}/24`, 'dev', bridge])
  await run(['ip', 'link', 'set', bridge, 'up'])
}

export async function plugIn(index: number): Promise<HostNetwork> {
  const [name, cable] = [`lab-host-${index}`, `cable${index}`]
  await run(['ip', 'netns', 'add', name])
  await run(['ip', 'link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name])
  await run(['ip', 'link', 'set', cable, 'master', bridge, 'up'])
  await run(['ip', '-n', name, 'link', 'set', 'lo', 'up'])
  await run(['ip', '-n', name, 'addr', 'add', `${hostAddress(index)}/24`, 'dev', 'eth0'])
  await run(['ip', '-n', name, 'link', 'set', 'eth0', 'up'])
  return {
    namespace: `/run/netns/${name}`,
    // Pulled on the switch's side: the host sees no carrier, its address stays.
    cut: async () => { await run(['ip', 'link', 'set', cable, 'down']) },
    join: async () => { await run(['ip', 'link', 'set', cable, 'up']) }
  }
}
