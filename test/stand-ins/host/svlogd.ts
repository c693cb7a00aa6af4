// svlogd's way with a log folder: append whole lines to `current`; when it would grow beyond `size`, sync it, make
// it executable, rename it to @TAI64N.s and begin a new one; keep the newest `keep`. Lines are never split.
import { chmodSync, closeSync, fsyncSync, fstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs'

export interface LogFolder {
  readonly write: (chunk: string) => void
  readonly close: () => void
}

export function openLogFolder(folder: string, { size, keep }: { readonly size: number, readonly keep: number }): LogFolder {
  mkdirSync(folder, { recursive: true })
  let file = openSync(`${folder}/current`, 'a', 0o644)
  let written = fstatSync(file).size
  let rest = ''

  const rotate = (): void => {
    fsyncSync(file)
    closeSync(file)
    chmodSync(`${folder}/current`, 0o744)
    renameSync(`${folder}/current`, `${folder}/${tai64n()}.s`)
    file = openSync(`${folder}/current`, 'a', 0o644)
    written = 0
    const old = readdirSync(folder).filter((name) => name.startsWith('@')).sort()
    for (const name of old.slice(0, Math.max(0, old.length - keep))) rmSync(`${folder}/${name}`, { force: true })
  }

  const writeLine = (line: string): void => {
    const bytes = Buffer.from(line)
    if (written > 0 && written + bytes.length > size) rotate()
    writeSync(file, bytes)
    written += bytes.length
  }

  return {
    write(chunk) {
      rest += chunk
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        writeLine(rest.slice(0, end + 1))
        rest = rest.slice(end + 1)
      }
    },
    close() {
      if (rest !== '') writeLine(`${rest}\n`)
      rest = ''
      closeSync(file)
    }
  }
}

let last = 0n

/** External TAI64N label as runit writes it (offset 10 s), never the same twice. */
function tai64n(): string {
  const now = BigInt(Date.now()) * 1_000_000n
  last = now > last ? now : last + 1n
  const seconds = (1n << 62n) + 10n + last / 1_000_000_000n
  return `@${seconds.toString(16).padStart(16, '0')}${(last % 1_000_000_000n).toString(16).padStart(8, '0')}`
}
