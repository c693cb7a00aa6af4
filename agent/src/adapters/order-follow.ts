// Wakes when something changes in an order's directory and hands out the new lines of its `progress` file.
// The end is not seen here: the caller looks at the order's state each time it is woken (at least once a second).
import { closeSync, openSync, readFileSync, readSync, watch } from 'node:fs'
import { join } from 'node:path'

const atLeastEveryMs = 1000
/** apt writes in bursts; one look per burst is enough. */
const settleMs = 30

export async function* followOrder(directory: string, signal: AbortSignal): AsyncGenerator<readonly string[]> {
  let wake: () => void = () => undefined
  let woken = true
  const watcher = watch(directory, () => { woken = true; wake() })
  watcher.on('error', () => undefined)
  const onAbort = (): void => wake()
  signal.addEventListener('abort', onAbort)
  let offset = 0
  let rest = ''
  try {
    while (!signal.aborted) {
      woken = false
      const text = readFrom(join(directory, 'progress'), offset)
      offset += text.length
      const lines = (rest + text.toString('utf8')).split('\n')
      rest = lines.pop() ?? ''
      yield lines
      if (!woken && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, atLeastEveryMs)
          wake = () => { clearTimeout(timer); setTimeout(resolve, settleMs) }
          if (woken || signal.aborted) wake()
        })
      }
    }
  } finally {
    watcher.close()
    signal.removeEventListener('abort', onAbort)
  }
}

/** Every whole line so far; none when there is no such file. */
export function wholeProgress(directory: string): readonly string[] {
  try { return readFileSync(join(directory, 'progress'), 'utf8').split('\n').slice(0, -1) } catch { return [] }
}

function readFrom(path: string, offset: number): Buffer {
  let fd: number
  try { fd = openSync(path, 'r') } catch { return Buffer.alloc(0) }
  try {
    const block = Buffer.alloc(256 * 1024)
    return block.subarray(0, readSync(fd, block, 0, block.length, offset))
  } finally { closeSync(fd) }
}
