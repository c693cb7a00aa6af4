// Every line of Gitaly's log from a position to the end that it has now, over all rotated files between, compressed or
// not. What is lost for good is said as a gap. Reads in pieces; an unfinished last line waits for the next call.
import { type GoOn, type LogSink, readLogFile } from './log-file-lines.ts'
import { type LogPosition, placeOf } from './log-place.ts'

export interface ReadOptions {
  /** Stop after about so many bytes. */
  readonly limit?: number
  /** When the position was taken, Unix ms, if that was by somebody who did not look at the files before its own. */
  readonly takenAtMs?: number
  readonly goOn?: GoOn
}

export interface Reading {
  /** Where the next call goes on. */
  readonly position: LogPosition
  /** It was ended by the limit or the caller: there may be more. */
  readonly cut: boolean
}

/** svlogd renames a file at most a few times. */
const attempts = 20

/** @returns undefined = there is no log yet. @throws what the file system throws. */
export async function readToEnd(current: string, from: LogPosition | undefined, sink: LogSink, { limit = Number.POSITIVE_INFINITY, takenAtMs, goOn = () => true }: ReadOptions = {}): Promise<Reading | undefined> {
  let position = from
  let rest = limit
  let going = true
  const asked: GoOn = async () => { going = await goOn(); return going }
  for (let attempt = 1; ; attempt++) {
    const place = placeOf(current, position, position === from ? takenAtMs : undefined)
    // Between a rename and the next name a file may have none.
    if (place.lost && attempt < attempts) continue
    if (place.lost && place.files[0] !== undefined) sink.gap('the file of the last position is gone (rotated away)', { inode: place.files[0].inode, offset: 0 })
    position = place.position
    let follows = position?.follows ?? ''
    let moved = false
    for (const [index, file] of place.files.entries()) {
      const start: LogPosition = position?.inode === file.inode ? position : { inode: file.inode, offset: 0 }
      const end = await readLogFile(file, start, sink, { limit: rest, goOn: asked, closed: index < place.files.length - 1 })
      // Renamed since it was listed: its lines come first, under the name that it has now.
      if (end === undefined) { moved = true; break }
      rest -= end.offset - start.offset
      position = { ...end, follows }
      if (rest <= 0 || !going) return { position, cut: true }
      follows = file.label
    }
    if (!moved || attempt >= attempts) return position === undefined ? undefined : { position, cut: moved }
  }
}
