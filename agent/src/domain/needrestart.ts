// The batch output of needrestart(1), read: `needrestart -b -r l`. Pure; never throws. In a container it says nothing of
// kernels. Lines of sessions, processes and guests are not ours: a login shell with an old library is no reason to reboot.

export interface NeedrestartReading {
  /** 0 unknown, 1 current, 2 the same version built anew, 3 another version. */
  readonly kernelStatus: number
  readonly kernelExpected: string
  /** 0 unknown, 1 current, 2 obsolete. */
  readonly microcodeStatus: number
  /** Services that run with files which are no longer those on disk. */
  readonly services: readonly string[]
}

/** undefined = not what needrestart prints. */
export function parseNeedrestart(text: string): NeedrestartReading | undefined {
  const values = new Map<string, string[]>()
  for (const [, key = '', value = ''] of text.matchAll(/^NEEDRESTART-([A-Z]+):[ \t]*(.*)$/gm)) values.set(key, [...values.get(key) ?? [], value.trim()])
  if (!values.has('VER')) return undefined
  const number = (key: string): number => Number(values.get(key)?.[0] ?? 0) || 0
  return { kernelStatus: number('KSTA'), kernelExpected: values.get('KEXP')?.[0] ?? '', microcodeStatus: number('UCSTA'), services: values.get('SVC') ?? [] }
}
