// Every way pitstop says no, in one table. The code is the metric label, the API field and the gRPC trailer;
// docs/faults.md is made from this table and a test holds the two together.

interface FaultKind {
  /** gRPC status name, for the servers. */
  readonly grpc: 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION' | 'ABORTED' | 'PERMISSION_DENIED' | 'UNAUTHENTICATED' |
    'RESOURCE_EXHAUSTED' | 'UNAVAILABLE' | 'DEADLINE_EXCEEDED' | 'NOT_FOUND' | 'INTERNAL' | 'UNIMPLEMENTED'
  readonly http: number
  /** The same call may succeed later without anybody changing anything. */
  readonly retry: boolean
  readonly meaning: string
  /** What to type or do, when the place that raises the fault knows nothing better. */
  readonly hint: string
}

const kind = (grpc: FaultKind['grpc'], http: number, retry: boolean, meaning: string, hint: string): FaultKind =>
  ({ grpc, http, retry, meaning, hint })

export const faultTable = {
  // Input
  INVALID_CONFIGURATION: kind('INVALID_ARGUMENT', 400, false, 'The configuration has problems', 'mend the lines named and start again'),
  INVALID_INPUT: kind('INVALID_ARGUMENT', 400, false, 'An argument or a request body is not usable', 'see --help or /docs for the form'),
  NOT_FOUND: kind('NOT_FOUND', 404, false, 'There is no such thing', 'list what there is: pitstop node list, pitstop plan show'),
  STALE_VIEW: kind('ABORTED', 409, false, 'The state changed since you looked', 'look again with pitstop window show, then repeat'),
  NOT_NOW: kind('FAILED_PRECONDITION', 409, false, 'The command does not fit the present state', 'see pitstop window show'),
  WAITING: kind('FAILED_PRECONDITION', 409, true, 'Something else has to happen first', 'nothing to do: it goes on by itself'),
  CONFIRMATION_MISMATCH: kind('FAILED_PRECONDITION', 409, false, 'The typed confirmation is not what was asked for', 'read the plan and type its hash'),
  // Identity
  UNAUTHENTICATED: kind('UNAUTHENTICATED', 401, false, 'No usable token or certificate was shown', 'give a valid token or certificate'),
  WRONG_ROLE: kind('PERMISSION_DENIED', 403, false, 'The certificate or token has another role', 'use one with the role that the call needs'),
  WRONG_FLEET: kind('PERMISSION_DENIED', 403, false, 'The certificate or order belongs to another fleet', 'check the fleet name on both ends'),
  WRONG_NODE: kind('PERMISSION_DENIED', 403, false, 'The certificate or order belongs to another node', 'check addresses in the inventory; issue a certificate for the right name'),
  PERMISSION_DENIED: kind('PERMISSION_DENIED', 403, false, 'The operating system does not let this user read or write a file', 'type it again with sudo, or give the service\'s group the file: chgrp pitstop FILE && chmod 640 FILE'),
  CERTIFICATE_INVALID: kind('UNAUTHENTICATED', 401, false, 'A certificate is expired, not yet valid or not of our authority', 'issue a new one: pitstop pki issue'),
  CERTIFICATE_EXPIRES: kind('FAILED_PRECONDITION', 409, false, 'A certificate or token ends before the window is safely over', 'renew it before opening the window'),
  SECRET_EXPOSED: kind('FAILED_PRECONDITION', 409, false, 'A file with a secret can be read by others', 'type: chmod o-rwx FILE'),
  // Lease and store
  STALE_EPOCH: kind('FAILED_PRECONDITION', 409, false, 'Another coordinator has taken over since', 'nothing to do: the acting coordinator goes on; see pitstop lease show'),
  LEASE_HELD: kind('FAILED_PRECONDITION', 409, true, 'Another coordinator holds the fleet lease', 'ask that one, or wait until its lease ends'),
  LEASE_LOST: kind('UNAVAILABLE', 503, true, 'The lease could not be renewed in time; all effects have stopped', 'check the store; the coordinator goes on by itself when it has the lease again'),
  STANDBY: kind('UNAVAILABLE', 503, true, 'This coordinator stands by', 'ask the acting coordinator named'),
  STORE_BUSY: kind('UNAVAILABLE', 503, false, 'Another coordinator process has this store open', 'stop the process named, or use its API'),
  STORE_UNAVAILABLE: kind('UNAVAILABLE', 503, true, 'The store cannot be read or written', 'check disk space, permissions and the file named'),
  STORE_CORRUPT: kind('INTERNAL', 500, false, 'The store holds something that cannot be understood', 'restore a backup; nothing has been started'),
  STORE_NEWER: kind('FAILED_PRECONDITION', 409, false, 'The store was written by a newer release', 'run that release'),
  STORE_RESTORED: kind('FAILED_PRECONDITION', 409, false, 'The store is not what it was: restored from a backup, failed over, or another one', 'compare journal, hosts and GitLab, settle pitstop obligations, then resume or abort the window'),
  // Windows
  WINDOW_OPEN: kind('FAILED_PRECONDITION', 409, true, 'Another window of this fleet is open', 'wait for it or close it: pitstop window show'),
  NO_WINDOW: kind('FAILED_PRECONDITION', 409, false, 'No window is open', 'open one: pitstop window start PLAN'),
  FROZEN: kind('FAILED_PRECONDITION', 409, false, 'pitstop is frozen', 'find out why, then: pitstop unfreeze'),
  OUTSIDE_WINDOW: kind('FAILED_PRECONDITION', 409, false, 'Now is not between opening and closing', 'make a plan for the right time'),
  PLAN_CHANGED: kind('FAILED_PRECONDITION', 409, false, 'The stored plan does not have the hash that was named', 'show the plan and approve it again'),
  PREFLIGHT_FAILED: kind('FAILED_PRECONDITION', 409, false, 'The checks before opening found problems', 'mend what is named, then: pitstop preflight'),
  DOES_NOT_FIT: kind('FAILED_PRECONDITION', 409, false, 'There is not enough time before closing for one more node', 'carry on in another window'),
  BUDGET_SPENT: kind('FAILED_PRECONDITION', 409, false, 'The failure budget of the plan is spent', 'settle the nodes named: retry or write-off'),
  BLIND: kind('UNAVAILABLE', 503, true, 'Idle nodes cannot be reached either: the coordinator itself is cut off', 'check the coordinator\'s network'),
  // Orders, by the agent
  ORDER_REUSED: kind('ABORTED', 409, false, 'The order id was seen before with other content', 'after a restore of the store the host has it from the time that was lost: pitstop node retry NODE --again; else report this as a bug of the coordinator'),
  ORDER_RUNNING: kind('RESOURCE_EXHAUSTED', 409, true, 'Another order is being carried out', 'wait for the order named'),
  ORDER_CANCELLED: kind('FAILED_PRECONDITION', 409, false, 'The order was taken back', 'a person\'s retry makes a new one'),
  EXPIRED: kind('FAILED_PRECONDITION', 409, false, 'The order\'s not-after has passed', 'the next window starts the node again'),
  TOO_EARLY: kind('FAILED_PRECONDITION', 409, true, 'The order\'s not-before has not come', 'check the clocks'),
  OTHER_BOOT: kind('FAILED_PRECONDITION', 409, false, 'The order belongs to another boot of the host', 'the host has rebooted meanwhile; look at it'),
  ALREADY_REBOOTED: kind('FAILED_PRECONDITION', 409, false, 'The node has had its reboot in this plan', 'a person may ask for another: pitstop node retry NODE --reboot --reason "…"'),
  // Vetoes and host troubles, by the agent
  HOST_DISABLED: kind('FAILED_PRECONDITION', 409, false, 'The file /etc/pitstop/disabled exists on the host', 'remove it when the host may be patched'),
  DPKG_BROKEN: kind('FAILED_PRECONDITION', 409, false, 'dpkg is in an unfinished state', 'on the host: dpkg --configure -a && apt-get -f install'),
  DPKG_LOCKED: kind('FAILED_PRECONDITION', 409, true, 'Another process holds the dpkg lock', 'wait for it or end the process named'),
  DISK_FULL: kind('FAILED_PRECONDITION', 409, false, 'Too little free space', 'make room on the file system named'),
  KERNEL_MISSING: kind('FAILED_PRECONDITION', 409, false, 'The kernel to boot or its initrd is missing', 'on the host: update-initramfs -u -k all && update-grub'),
  BOOT_UNSAFE: kind('FAILED_PRECONDITION', 409, false, 'The host would not come up again as it is now', 'on the host: mend /etc/fstab, or mount what it names: mount -a'),
  SERVICE_MARKED_DOWN: kind('FAILED_PRECONDITION', 409, false, 'Gitaly would not start at boot', 'on the host: remove the down file named or enable the unit'),
  SERVICE_NOT_RUNNING: kind('FAILED_PRECONDITION', 409, false, 'Gitaly does not run', 'on the host: gitlab-ctl status; gitlab-ctl tail gitaly'),
  SHUTDOWN_SCHEDULED: kind('FAILED_PRECONDITION', 409, true, 'Another shutdown is scheduled on the host', 'on the host: shutdown -c'),
  SHUTDOWN_BLOCKED: kind('FAILED_PRECONDITION', 409, true, 'A program on the host blocks shutdowns', 'wait until it is done; on the host: systemd-inhibit --list'),
  CLOCK_OFF: kind('FAILED_PRECONDITION', 409, true, 'The host\'s clock is off', 'on the host: check chrony or systemd-timesyncd'),
  MANIFEST_DIFFERS: kind('FAILED_PRECONDITION', 409, false, 'apt would install something else than the manifest', 'compare the repositories of this host and of the canary'),
  NOT_STAGED: kind('FAILED_PRECONDITION', 409, true, 'A package of the manifest does not lie ready on the host', 'stage it again: pitstop node retry NODE --reason "…"; or the next window does'),
  REBOOT_NOT_NEEDED: kind('FAILED_PRECONDITION', 409, false, 'Nothing asks for a reboot', 'none needed'),
  APT_FAILED: kind('INTERNAL', 500, false, 'apt or dpkg ended with an error', 'read the unit\'s journal on the host, mend it, then: pitstop node retry NODE --reason "…"'),
  INTERRUPTED: kind('INTERNAL', 500, false, 'The upgrade was cut off half-way', 'on the host: dpkg --audit; mend it, then: pitstop node retry NODE --reason "…"'),
  COMMAND_FAILED: kind('INTERNAL', 500, false, 'A command on the host failed', 'see its output'),
  COMMAND_TIMEOUT: kind('DEADLINE_EXCEEDED', 504, true, 'A command on the host did not end in time', 'look for what it waits for on the host'),
  HOOK_FAILED: kind('FAILED_PRECONDITION', 409, false, 'A hook of the host failed', 'read its output on the host'),
  HOOK_REFUSED: kind('FAILED_PRECONDITION', 409, false, 'A hook could be changed by others than root, or cannot be run', 'on the host: pitstop-agent doctor names the file and what to type'),
  OBSERVE_MODE: kind('FAILED_PRECONDITION', 409, false, 'The agent only observes: it writes down what it would do and does nothing', 'set "mode: act" in /etc/pitstop/agent.yml and restart pitstop-agent'),
  HOST_PROMISE_UNPAID: kind('FAILED_PRECONDITION', 409, true, 'A host has not put back in time what it promised to', 'on the host: pitstop-agent status, then pitstop-agent pay'),
  STATE_UNREADABLE: kind('INTERNAL', 500, false, 'The agent\'s state on disk cannot be read', 'restore it or move it away after checking the host by hand'),
  // Verdicts
  NOT_REBOOTED: kind('FAILED_PRECONDITION', 409, true, 'The boot id is still the old one', 'look at the host\'s console'),
  REBOOTED_AGAIN: kind('FAILED_PRECONDITION', 409, false, 'The host has booted more than once', 'look for a crash loop on the host'),
  WRONG_KERNEL: kind('FAILED_PRECONDITION', 409, false, 'The host runs another kernel than expected', 'check the boot loader\'s default'),
  SERVICE_UNHEALTHY: kind('FAILED_PRECONDITION', 409, true, 'Gitaly does not run steadily', 'on the host: gitlab-ctl status gitaly; gitlab-ctl tail gitaly'),
  NOT_SERVING: kind('UNAVAILABLE', 503, true, 'Gitaly does not answer SERVING', 'on the host: gitlab-ctl tail gitaly'),
  GITALY_TOKEN: kind('FAILED_PRECONDITION', 409, false, 'Gitaly does not accept the token, or there is none to show', 'put Gitaly\'s [auth] token into the token file of the configuration'),
  GITALY_CERTIFICATE: kind('FAILED_PRECONDITION', 409, false, 'Gitaly\'s certificate is not to be believed', 'correct the address, authority or server name of Gitaly in the configuration'),
  STORAGE_UNHEALTHY: kind('FAILED_PRECONDITION', 409, false, 'A storage is not readable and writable', 'on the host: check the data disk and its mount'),
  STORAGE_CHANGED: kind('FAILED_PRECONDITION', 409, false, 'A storage has another file system id than before: the data disk is not mounted', 'on the host: stop Gitaly, mount the data disk, start Gitaly'),
  STARTUP_ERROR: kind('FAILED_PRECONDITION', 409, false, 'Gitaly logged an error while starting', 'mend the cause, restart Gitaly (gitlab-ctl restart gitaly), then: pitstop node retry NODE --reason "…"; or have the host rebooted: add --reboot'),
  PACKAGES_DIFFER: kind('FAILED_PRECONDITION', 409, false, 'Installed versions are not those of the manifest', 'on the host: apt-get install the versions named'),
  HEALTH_UNKNOWN: kind('UNAVAILABLE', 503, true, 'Whether the node is healthy is not known yet', 'wait, or look at the host'),
  RELAPSED: kind('FAILED_PRECONDITION', 409, false, 'The node was healthy and is not any more', 'on the host: gitlab-ctl tail gitaly'),
  OVERDUE: kind('DEADLINE_EXCEEDED', 504, true, 'Something takes longer than it ever should', 'look at the host; the slot stays taken'),
  // Peers
  COORDINATOR_UNREACHABLE: kind('UNAVAILABLE', 503, true, 'The coordinator cannot be reached', 'start it: systemctl start pitstop-coordinator; or name it with --socket or --url'),
  AGENT_UNREACHABLE: kind('UNAVAILABLE', 503, true, 'The agent cannot be reached', 'check that pitstop-agent runs and the port is open'),
  AGENT_PROTOCOL: kind('UNIMPLEMENTED', 501, false, 'The agent speaks another protocol version', 'install a matching pitstop-agent'),
  AGENT_ANSWER_INVALID: kind('INTERNAL', 502, false, 'The agent\'s answer makes no sense', 'compare the versions of agent and coordinator'),
  GITLAB_UNREACHABLE: kind('UNAVAILABLE', 503, true, 'GitLab cannot be reached', 'check the URL and the network'),
  GITLAB_TIMEOUT: kind('DEADLINE_EXCEEDED', 504, true, 'GitLab did not answer in time; whether it acted is not known', 'nothing to do: pitstop looks before it writes again'),
  GITLAB_TOKEN: kind('UNAUTHENTICATED', 401, false, 'GitLab does not accept the token', 'put a valid token into the file named in the configuration'),
  GITLAB_FORBIDDEN: kind('PERMISSION_DENIED', 403, false, 'GitLab does not allow this', 'weights need an administrator\'s token (scope api, with Admin Mode also admin_mode); a schedule its owner\'s or an administrator\'s'),
  GITLAB_NOT_FOUND: kind('NOT_FOUND', 404, false, 'GitLab does not know the project or schedule', 'check project and schedule in the configuration'),
  GITLAB_CONFLICT: kind('ABORTED', 409, true, 'GitLab reports a conflict', 'nothing to do: pitstop reads and tries again'),
  GITLAB_RATE_LIMITED: kind('RESOURCE_EXHAUSTED', 429, true, 'GitLab limits the request rate', 'nothing to do: pitstop waits as GitLab asks'),
  GITLAB_ERROR: kind('UNAVAILABLE', 502, true, 'GitLab answered with a server error', 'check GitLab\'s own health'),
  GITLAB_REFUSED: kind('INVALID_ARGUMENT', 400, false, 'GitLab refused the values', 'compare storages of the inventory and GitLab'),
  GITLAB_ANSWER_INVALID: kind('INTERNAL', 502, false, 'GitLab\'s answer is not what its API promises', 'check the URL: is that GitLab\'s API?'),
  ALERTS_UNREACHABLE: kind('UNAVAILABLE', 503, true, 'Alertmanager cannot be reached or does not answer in time', 'check alerts.url and the network; until it answers nothing new begins'),
  ALERTS_REFUSED: kind('PERMISSION_DENIED', 403, false, 'Alertmanager refuses the question', 'check url, token-file and matchers in alerts of the configuration'),
  ALERTS_TOKEN: kind('UNAUTHENTICATED', 401, false, 'There is no usable token for Alertmanager', 'put a valid token into alerts.token-file'),
  ALERTS_ANSWER_INVALID: kind('INTERNAL', 502, false, 'Alertmanager\'s answer is not what its API promises', 'check alerts.url: is that Alertmanager, and does nothing in between change the question?'),
  ALERTS_UNMATCHED: kind('FAILED_PRECONDITION', 409, false, 'No alert that Alertmanager shows has a label that the configuration asks for', 'check the names of labels in alerts of the configuration'),
  ALERT_FIRING: kind('FAILED_PRECONDITION', 409, true, 'An alert fires that closes a gate', 'nothing to do here: the gate opens when the alert ends; one that should not hold the window is silenced in Alertmanager'),
  // Weights and assigner
  STORAGE_UNKNOWN: kind('FAILED_PRECONDITION', 409, false, 'GitLab does not have a storage of the inventory', 'compare the inventory with GitLab\'s storages'),
  WEIGHT_FLOOR: kind('FAILED_PRECONDITION', 409, true, 'Too few storages would still take new projects', 'wait for nodes to return, or plan a smaller group; small installations may plan "drain: none"'),
  WEIGHT_CHANGED: kind('FAILED_PRECONDITION', 409, false, 'Somebody else changed a weight', 'settle who sets weights: see pitstop obligations'),
  WEIGHT_NOT_SETTLED: kind('FAILED_PRECONDITION', 409, true, 'A lost write may still land', 'nothing to do: pitstop waits it out, then reads'),
  ASSIGNER_ACTIVE: kind('FAILED_PRECONDITION', 409, false, 'The weight assigner is active though it should be paused', 'find out who enabled it; pause it again, then: pitstop window resume'),
  ASSIGNER_INACTIVE: kind('FAILED_PRECONDITION', 409, false, 'The weight assigner is off already and no promise of pitstop says why', 'enable it, or say that it is meant: --assigner-inactive-is-intended'),
  ASSIGNER_RUNNING: kind('FAILED_PRECONDITION', 409, true, 'A pipeline of the weight assigner still runs', 'wait for it or cancel it'),
  MOVES_RUNNING: kind('FAILED_PRECONDITION', 409, true, 'Repositories are being moved from or to the node', 'pause gitalyctl or wait'),
  // Inventory
  INVENTORY_UNREADABLE: kind('UNAVAILABLE', 503, true, 'The inventory cannot be read', 'check the file or the knife command'),
  INVENTORY_EMPTY: kind('FAILED_PRECONDITION', 409, false, 'The inventory has no node', 'check the query or the file'),
  NODE_EXCLUDED: kind('FAILED_PRECONDITION', 409, false, 'The node is excluded', 'see the reason'),
  INTERNAL: kind('INTERNAL', 500, false, 'A fault of pitstop itself', 'report it with the log')
} as const satisfies Record<string, FaultKind>

export type FaultCode = keyof typeof faultTable

export const isFaultCode = (text: string): text is FaultCode => Object.hasOwn(faultTable, text)
