// What ROOT/bin/NAME is: for most commands a bash script that asks the machine without starting any other process
// (2-4 ms, where node takes 35), for apt-get and the slow verbs of dpkg and apt-mark a node process with command.ts.
// Without a machine everything goes to command.ts, which knows what a dead host says.
import { at, hostMarker, parentMarker } from './host-layout.ts'
import { passedOn } from './pid1-question.ts'

/** Makes node's start of a command three times as quick from the second call on; shared by all hosts. */
export const nodeCache = new URL('../../../node_modules/.cache/pitstop-stand-ins', import.meta.url).pathname

/** Which first arguments the machine answers; undefined = none of this command. */
const answeredByMachine: Record<string, string | undefined> = {
  'apt-get': undefined,
  'apt-cache': '*',
  'apt-mark': 'showhold',
  'dpkg': '--audit|-C|--print-architecture|--compare-versions',
  'dpkg-query': '*', 'gitlab-ctl': '*', 'systemctl': '*', 'systemd-run': '*', 'systemd-notify': '*', 'busctl': '*', 'shutdown': '*'
}

export const commandNames = Object.keys(answeredByMachine)

/** A machine that is stopped in a debugger must not hold up its host's commands for ever; SVWAIT stays below. */
const patienceS = 900

export function commandWrapper(root: string, command: string): string {
  const verbs = answeredByMachine[command]
  return verbs === undefined ? `#!/bin/sh\n${startNode(root, command)}` : `#!/bin/bash -p
${askMachine(root, command, verbs)}${startNode(root, command)}`
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

const startNode = (root: string, command: string): string =>
  `export ${hostMarker}=${quoted(root)} ${parentMarker}="$PPID" NODE_COMPILE_CACHE=${quoted(nodeCache)}
unset NODE_OPTIONS
exec ${quoted(process.execPath)} ${quoted(new URL('command.ts', import.meta.url).pathname)} ${quoted(root)} ${command} "$@"
`

/** Lengths are bytes (LC_ALL=C); -p and no subshell keep the caller's environment and descriptors out of it. */
const askMachine = (root: string, command: string, verbs: string): string => `LC_ALL=C
trap '' PIPE
case "\${1-}" in ${verbs})
  if { read -r address <${quoted(at(root, 'pid1'))} && exec {pid1}<>"/dev/tcp/$address"; } 2>/dev/null; then
    printf '%s\\0' "$(($# + ${4 + passedOn.length}))" ${quoted(root)} ${command} "$$" "$PPID" ${passedOn.map((name) => `"\${${name}+${name}=$${name}}"`).join(' ')} "$@" >&"$pid1" 2>/dev/null
    if IFS=' ' read -r -t ${patienceS} -u "$pid1" exit out err 2>/dev/null; then
      if [[ $out != 0 ]]; then IFS= read -r -t 5 -u "$pid1" -N "$out" text 2>/dev/null; printf '%s' "$text" 2>/dev/null; fi
      if [[ $err != 0 ]]; then IFS= read -r -t 5 -u "$pid1" -N "$err" text 2>/dev/null; printf '%s' "$text" >&2 2>/dev/null; fi
      exit "$exit"
    fi
    exec {pid1}>&-
  fi
esac
`
