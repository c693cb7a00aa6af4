// How systemd shall treat the transient units of orders. Pure. Each property keeps a promise that the unit's own process
// cannot keep when it is killed.

/** Of all processes of the host these are killed for memory last: what they leave half done costs more than any other. */
const kept = ['OOMScoreAdjust=-900', 'OOMPolicy=continue'] as const

/**
 * A host that is shut down meanwhile waits for dpkg: the unit's process takes SIGTERM and stays until apt has ended, apt
 * itself hears nothing of it (as apt-daily-upgrade.service does). Nor does apt die with that process when it is killed.
 */
export const upgradeProperties: readonly string[] = [...kept, 'KillMode=process', 'TimeoutStopSec=15min']

/**
 * When the unit has ended, however, systemd runs `afterwards`: Gitaly must not stay stopped because a process died. Not when
 * the unit has left word that the host goes down, and ended by itself: starting Node would hold up the shutdown for a tenth of
 * a second, inside the outage, and a shell asks for the file in a few milliseconds. The word of a process that was killed is
 * not enough: it is left as soon as the request was answered, and nobody would see that it does not come true. The time
 * is for a start of Gitaly and the doubt before it.
 *
 * No dollar, semicolon, backslash or quote in the line, as long as no path has one: systemd 252 writes a transient unit down
 * with these escaped in a way that it does not understand itself when any daemon-reload reads it again.
 */
export const rebootProperties = (goingDownFile: string, afterwards: readonly string[]): readonly string[] => [
  ...kept, 'TimeoutStopSec=3min',
  `ExecStopPost=/bin/sh -c ${quoted(`test -e ${shellWord(goingDownFile)} && /usr/bin/env | /bin/grep -qx SERVICE_RESULT=success || exec ${afterwards.map(shellWord).join(' ')}`)}`
]

const shellWord = (word: string): string => (/^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll('\'', '\'\\\'\'')}'`)

/** A word of a unit's command line: systemd.service(5), "Command lines"; of a transient unit, so without specifiers. */
const quoted = (word: string): string => `"${word.replaceAll(/[\\"]/g, '\\$&').replaceAll('$', '$$$$')}"`
