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
 * the unit has left word that the host goes down: starting Node would hold up the shutdown for a tenth of a second, inside the
 * outage, and find(1) asks for the file in two milliseconds. The time is for a start of Gitaly and the doubt before it.
 */
export const rebootProperties = (goingDownFile: string, afterwards: readonly string[]): readonly string[] => [
  ...kept, 'TimeoutStopSec=3min',
  `ExecStopPost=${['/usr/bin/find', '/', '-maxdepth', '0', '!', '-exec', '/usr/bin/test', '-e', goingDownFile, ';', '-exec', ...afterwards, ';'].map(quoted).join(' ')}`
]

/** A word of a unit's command line: systemd.service(5), "Command lines"; of a transient unit, so without specifiers. */
const quoted = (word: string): string => `"${word.replaceAll(/[\\"]/g, '\\$&').replaceAll('$', '$$$$')}"`
