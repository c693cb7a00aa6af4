// Facts of a host that do not change within a boot: distribution and architecture. Files and dpkg are the truth;
// systeminformation answers where they say nothing, behind a deadline, because its calls have none.
import type { Host } from '../host.ts'

export interface ImmutableFacts {
  readonly osId: string
  readonly osVersion: string
  readonly architecture: string
}

const deadlineMs = 3000

/** Asked once per boot; an answer that failed is asked again. */
export function hostFacts(host: Pick<Host, 'files' | 'apt'>): () => Promise<ImmutableFacts> {
  let kept: Promise<ImmutableFacts> | undefined
  return () => {
    kept ??= read(host).catch((error: unknown) => { kept = undefined; throw error })
    return kept
  }
}

async function read(host: Pick<Host, 'files' | 'apt'>): Promise<ImmutableFacts> {
  const release = host.files.osRelease()
  const [architecture, fallback] = await Promise.all([host.apt.architecture(), release.has('ID') ? undefined : distribution()])
  return {
    osId: release.get('ID') ?? fallback?.osId ?? '',
    osVersion: release.get('VERSION_ID') ?? fallback?.osVersion ?? '',
    architecture
  }
}

/** Loaded only when needed: 50 MB of other answers come with it. */
async function distribution(): Promise<{ osId: string, osVersion: string } | undefined> {
  const { osInfo } = (await import('systeminformation')).default
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => { timer = setTimeout(() => resolve(undefined), deadlineMs) })
  try {
    const info = await Promise.race([osInfo(), late])
    return info === undefined ? undefined : { osId: info.distro.toLowerCase().split(' ')[0] ?? '', osVersion: info.release }
  } finally { clearTimeout(timer) }
}
