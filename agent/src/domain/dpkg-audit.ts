// Is dpkg in a state to be worked with, and what to type if not? Pure. From the words of `dpkg --audit` (its exit code says
// nothing) and from the writes that a dpkg which was cut off has left: with those alone the audit is silent and
// apt refuses all the same.
import { type Reason, reason } from '@pitstop/shared/fault'

interface Section {
  readonly head: string
  readonly names: readonly string[]
}

/** Missing checksums disturb neither dpkg nor apt; that somebody is at work is told by the lock, with a name. */
const harmless = /missing the md5sums control file|^Another process has locked the database/

const unfinishedText = (files: readonly string[]): string =>
  `dpkg was interrupted: ${files.length} unfinished ${files.length === 1 ? 'record' : 'records'} in /var/lib/dpkg/updates`

/**
 * What is wrong; empty = nothing.
 * @param unfinished names of dpkg's own unfinished writes in /var/lib/dpkg/updates.
 */
export function dpkgProblems(audit: string, unfinished: readonly string[]): string {
  const sections = paragraphs(audit).filter((paragraph) => !harmless.test(oneLine(paragraph)))
  return [...sections, ...unfinished.length > 0 ? [unfinishedText(unfinished)] : []].join('\n\n')
}

/** @param problems of `dpkgProblems`. */
export function dpkgReasons(problems: string): readonly Reason[] {
  const text = problems.trim()
  return text === '' ? [] : [reason('DPKG_BROKEN', `dpkg --audit says: ${text.slice(0, 1000)}`, `on the host: ${commands(text).join(' && ')}`)]
}

/** In the order in which they must be typed. */
function commands(text: string): readonly string[] {
  const sections = paragraphs(text).map(section)
  const named = (pattern: RegExp): readonly string[] => [...new Set(sections.filter(({ head }) => pattern.test(head)).flatMap(({ names }) => names))]
  const reinstall = named(/in a mess|only half installed|missing the list control file/)
  const configure = /interrupted|half configured|not yet configured|trigger/.test(text)
  const architectures = named(/unknown foreign architecture/)
  const typed = [
    ...configure || reinstall.length > 0 ? ['dpkg --configure -a'] : [],
    ...reinstall.length > 0 ? [`apt-get install --reinstall ${reinstall.join(' ')}`] : [],
    ...architectures.length > 0 ? ['dpkg --print-foreign-architectures; dpkg --add-architecture ARCHITECTURE'] : []
  ]
  return typed.length === 0 ? ['dpkg --audit; dpkg --configure -a && apt-get --fix-broken install'] : typed
}

const paragraphs = (text: string): readonly string[] => text.split(/\n\s*\n/).map((paragraph) => paragraph.trimEnd()).filter((paragraph) => paragraph.trim() !== '')
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ')

/** A headline over several lines, then a line for each package that begins with one blank. */
function section(paragraph: string): Section {
  const lines = paragraph.split('\n')
  return {
    head: oneLine(lines.filter((line) => !line.startsWith(' ')).join(' ')),
    names: lines.filter((line) => line.startsWith(' ')).flatMap((line) => /^ (\S+)/.exec(line)?.[1] ?? [])
  }
}
