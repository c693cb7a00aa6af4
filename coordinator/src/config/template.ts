// The configuration that `pitstop init` writes: every key with its meaning and default. It parses as it is.

export const configurationTemplate = (fleet: string): string => `# The coordinator of pitstop. Unknown keys are errors; durations are like 250ms, 10s, 2m, 1h30m.
# Check it with: pitstop coordinator --check --config THIS_FILE

fleet: ${fleet}                          # 1 to 63 of a-z, 0-9 and "-"; certificates carry it
address: pitstop.internal:7442       # where agents reach this coordinator (listen.agents as they see it); a standby names it
store: /var/lib/pitstop/coordinator.db          # journal and lease (SQLite), one process at a time
# For several coordinators put postgres://pitstop@db.internal:5432/pitstop there; TLS is checked unless on loopback (?sslmode=verify-full&sslrootcert=/path/to/ca.pem).
# store-password-file: /etc/pitstop/store.password   # of PostgreSQL, or PGPASSFILE; never in the address itself
break-glass: /var/lib/pitstop/break-glass.txt   # unpaid promises, each with the command that pays it by hand

listen:
  socket: /run/pitstop/coordinator.sock   # the CLI of this host, mode 0600
  agents: 0.0.0.0:7442                    # agents report here that they are back (mutual TLS)
  # http: 0.0.0.0:7443                    # HTTP API: TLS except on loopback; needs tokens

tls:                                      # pitstop pki request | issue; renewed files need no restart
  certificate: /etc/pitstop/pki/pitstop.pem
  key: /etc/pitstop/pki/pitstop.key
  authority: /etc/pitstop/pki/authority.pem

lease:
  ttl: 30s                                # how long a dead coordinator is waited for

gitlab:
  url: https://gitlab.example.com
  token-file: /etc/pitstop/gitlab.token   # or token-env: an administrator's, scope api (with Admin Mode also admin_mode)
  request-timeout: 10s                    # at most half of lease.ttl
  lands-within: 60s                       # how long a lost write may still land
  moves: false                            # true: nodes with running repository moves are left alone
  # assigner:                             # the scheduled pipeline that rewrites all weights
  #   url: https://ops.gitlab.example.com
  #   project: gitlab-com/gl-infra/gitaly-shard-weights-assigner
  #   schedule: 42
  #   token-file: /etc/pitstop/assigner.token

# alerts:                                 # nothing further begins while one of these fires in Alertmanager
#   url: https://alertmanager.example.com
#   token-file: /etc/pitstop/alertmanager.token   # sent as a bearer token; leave it out where none is asked for
#   ca-file: /etc/pitstop/alertmanager-ca.pem     # whom to believe; without it the system's authorities
#   node-label: fqdn                      # the label that names a node: alerts of nodes that pitstop has down do not count
#   close-on:                             # each gate closes on alerts to which all of its matchers apply
#     - { gate: gitaly, matchers: ['alertname="GitalyFileServerDown"', 'env="gprd"'] }

inventory:                                # which nodes there are and which storages they own
  file: /etc/pitstop/nodes.yml            # nodes: [{ node, address, storages: [..], zone, gitaly }]
  # knife:                                # or from Chef
  #   query: 'roles:gprd-base-stor-gitaly'
  # nodes:
  #   - { match: 'gitaly-*.internal', storages: ['nfs-file{1}'], zone: us-east1-b, address: '{fqdn}:7441', gitaly: '{fqdn}:9999' }

# gitaly-token-file: /etc/pitstop/gitaly.token   # if Gitaly asks for one when it is probed from here
# gitaly-authority: /etc/pitstop/gitaly-ca.pem   # whom to believe where gitaly is tls://…; without it the system's authorities

# tokens:                                 # for listen.http; viewers look, operators act
#   - { name: grafana, role: viewer, file: /etc/pitstop/viewer.token }
#   - { name: ana, role: operator, sha256: <printf %s "$TOKEN" | sha256sum> }

policy:                                   # what a plan says when its maker says nothing else
  group-size: 1                           # nodes down at once
  strict-batches: false                   # true: wait for the whole batch before the next
  # prepare-ahead: 1                      # nodes prepared ahead of their slot; as many as group-size
  failure-budget: 1                       # failed nodes over the whole plan before the window halts
  canary-first: true                      # the first node of each platform is done before a second goes down
  drain: zero-weight                      # or none, for small installations
  active-storage-floor: 2                 # fewest storages that must keep taking new projects
  settle: 60s                             # after the weight is 0, before anything is upgraded
  soak: 10s                               # healthy for so long inside the slot
  watch: 60s                              # a relapse still halts the window for so long after it
  reboot-delay: 0s
  reboot: always                          # or if-needed
  estimates: { prepare: 5m, down: 2m }    # p95; a node starts only if it fits before closing
  allowance: 2m                           # added to the estimates
  deadlines: { stage: 15m, upgrade: 30m, return: 10m }   # past them a node is overdue, which a person settles
  # assigner: pause                       # pause | inactive-is-intended | none; none without gitlab.assigner
  live-pipelines: wait                    # a running pipeline of the assigner: wait or cancel
`
