// The configuration that `init` writes: what was given, and every other key with its default, commented out. Pure.

export interface TemplateValues {
  readonly fleet: string
  readonly node: string
  readonly listen: string
  readonly coordinators: readonly string[]
  readonly tls: { readonly certificate: string, readonly key: string, readonly authority: string }
  readonly gitaly: { readonly address: string, readonly tokenFile?: string, readonly manager?: string }
  readonly mode: 'act' | 'observe'
}

/** YAML reads JSON's strings. */
const text = (value: string): string => /^[\w./-]+$/.test(value) ? value : JSON.stringify(value)

export const configurationTemplate = ({ fleet, node, listen, coordinators, tls, gitaly, mode }: TemplateValues): string => `# The pitstop agent of this Gitaly host. Unknown keys are errors; durations are like 250ms, 10s, 2m, 1h30m.
# What is commented out shows its default. Check with: pitstop-agent doctor

fleet: ${text(fleet)}
node: ${text(node)}
listen: ${text(listen)}
# Who hears "I am back" after a boot; several are tried in turn.
coordinators: [${coordinators.map((address) => JSON.stringify(address)).join(', ')}]

# Renewed files need no restart.
tls:
  certificate: ${text(tls.certificate)}
  key: ${text(tls.key)}
  authority: ${text(tls.authority)}

gitaly:
  # HOST:PORT, or Gitaly's own schemes: tcp://HOST:PORT, tls://HOST:PORT, unix:/PATH. With tls its certificate is held against the
  # system's authorities and the host's name, unless "authority" names a file and "server-name" another name.
  address: ${text(gitaly.address)}
${gitaly.tokenFile === undefined ? '  # With a token in Gitaly\'s configuration:\n  # token-file: /etc/pitstop/gitaly.token' : `  token-file: ${text(gitaly.tokenFile)}`}
${gitaly.manager === undefined ? '  # gitlab-ctl (omnibus) or systemd:\n  # service-manager: gitlab-ctl' : `  service-manager: ${text(gitaly.manager)}`}
  # service: gitaly
  # log: /var/log/gitlab/gitaly/current
  # Its Prometheus page, for the requests in flight at its stop; or off:
  # metrics: localhost:9236
  # Its own configuration, for where its storages are (a mount that no boot would bring back is a veto):
  # config: /var/opt/gitlab/gitaly/config.toml
  # Running RPCs may take so long to finish before the reboot:
  # stop-deadline: 70s
  # Slower than that after a boot is unhealthy:
  # start-deadline: 5m

# act, or observe: orders are judged and written down (observed.jsonl in the state directory), and nothing is done.
mode: ${mode}

# Executables in before-upgrade/, before-reboot/ and after-ready/ of this directory, run as root, in the order of their names.
# hooks:
#   directory: /etc/pitstop/hooks.d
#   deadline: 60s
#   undo-after: 2h

# apt:
#   lock-timeout: 60s
#   deadline: 30m
#   exclude: [gitlab-ee, gitlab-ce, pitstop-agent]
#   minimum-free-bytes: 536870912
#   minimum-free-boot-bytes: 67108864

# always, or if-needed:
# reboot:
#   policy: always

# report:
#   first-delay: 0ms
#   maximum-delay: 30s

# clock:
#   maximum-offset: 5s
`
