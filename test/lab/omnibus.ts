// GitLab's omnibus layout on a lab host: real runit under /opt/gitlab, gitlab-runsvdir.service after multi-user.target,
// a gitlab-ctl that behaves as omnibus-ctl does (nothing printed and exit 0 for a service that is not enabled, the sum of
// the codes without a name), and Gitaly under runsv with svlogd. Paths and texts as in facts/gitlab-and-gitaly.md section 5.
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'

const gitalyStandIn = new URL('../stand-ins/gitaly/gitaly.ts', import.meta.url).pathname

/** Where the lab host finds the Node that the stand-in Gitaly runs on (bound in, not copied). */
export const gitalyRuntime = '/opt/gitlab/embedded/bin/node'
/** A real Gitaly, when there is one: PITSTOP_LAB_GITALY names its binary, with git beside it or in it. */
export const realGitaly = process.env['PITSTOP_LAB_GITALY']
export const realGitalyTarget = '/opt/gitlab/embedded/bin/gitaly.real'

const gitlabCtl = `#!/bin/sh
# omnibus-ctl in small: command, then perhaps a service.
command=$1
export SVDIR=/opt/gitlab/service SVWAIT=\${SVWAIT:-30}
if [ -n "$2" ]; then
  # Not enabled: silence and success, as omnibus-ctl does.
  [ -e "/opt/gitlab/service/$2" ] || exit 0
  exec "/opt/gitlab/init/$2" "$command"
fi
sum=0
for service in /opt/gitlab/service/*; do
  "/opt/gitlab/init/\${service##*/}" "$command"
  sum=$((sum + $?))
done
exit $sum
`

const gitalyRun = `#!/bin/sh
exec 2>&1
cd /var/opt/gitlab/gitaly
if [ -x ${realGitalyTarget} ]; then
  export GITALY_TESTING_NO_GIT_HOOKS=1
  exec chpst -e /opt/gitlab/etc/gitaly/env ${realGitalyTarget} serve /var/opt/gitlab/gitaly/config.toml
fi
exec chpst -e /opt/gitlab/etc/gitaly/env ${gitalyRuntime} /opt/gitlab/embedded/lib/gitaly.mjs /
`

const runsvdirUnit = `[Unit]
Description=GitLab Runit supervision process
After=multi-user.target

[Service]
ExecStart=/opt/gitlab/embedded/bin/runsvdir-start
Restart=always
Slice=gitlab.slice
Delegate=memory cpu

[Install]
WantedBy=multi-user.target
`

const plainUnit = `[Unit]
Description=Gitaly without omnibus
After=network.target

[Service]
EnvironmentFile=-/etc/default/gitaly
Environment=PITSTOP_STAND_IN_WITNESS=/var/log/machine.log
WorkingDirectory=/var/opt/gitlab/gitaly
ExecStart=${gitalyRuntime} /opt/gitlab/embedded/lib/gitaly.mjs /
StandardOutput=append:/var/log/gitlab/gitaly/current
StandardError=append:/var/log/gitlab/gitaly/current
Restart=on-failure
RestartSec=1

[Install]
WantedBy=multi-user.target
`

/** The same Gitaly as an ordinary systemd service; omnibus' supervisor is off. */
export function layPlainGitaly(root: string): void {
  // The unit too: at a host's first boot systemd's presets would enable it again.
  for (const path of ['etc/systemd/system/multi-user.target.wants/gitlab-runsvdir.service', 'lib/systemd/system/gitlab-runsvdir.service']) rmSync(join(root, path))
  rmSync(join(root, 'usr/bin/gitlab-ctl'))
  writeFileSync(join(root, 'etc/systemd/system/gitaly.service'), plainUnit)
  symlinkSync('/etc/systemd/system/gitaly.service', join(root, 'etc/systemd/system/multi-user.target.wants/gitaly.service'))
}

/** Lays the tree into a host's root. Its settings (etc/machine.json) and config.toml are each host's own. */
export async function layOmnibus(root: string): Promise<void> {
  const put = (path: string, content: string, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
    chmodSync(join(root, path), mode)
  }
  const link = (path: string, target: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    symlinkSync(target, join(root, path))
  }
  for (const program of ['runsv', 'runsvdir', 'sv', 'svlogd', 'chpst']) link(`/opt/gitlab/embedded/bin/${program}`, `/usr/bin/${program}`)
  put('/opt/gitlab/embedded/bin/runsvdir-start', '#!/bin/sh\nexec env - PATH=/opt/gitlab/bin:/opt/gitlab/embedded/bin:/usr/bin:/bin runsvdir -P /opt/gitlab/service\n', 0o755)
  put('/opt/gitlab/bin/gitlab-ctl', gitlabCtl, 0o755)
  link('/usr/bin/gitlab-ctl', '/opt/gitlab/bin/gitlab-ctl')
  link('/opt/gitlab/init/gitaly', '/opt/gitlab/embedded/bin/sv')
  put('/opt/gitlab/sv/gitaly/run', gitalyRun, 0o755)
  put('/opt/gitlab/sv/gitaly/log/run', '#!/bin/sh\nexec svlogd /var/log/gitlab/gitaly\n', 0o755)
  put('/var/log/gitlab/gitaly/config', 's209715200\nn30\nt86400\n!gzip\n')
  link('/opt/gitlab/service/gitaly', '/opt/gitlab/sv/gitaly')
  put('/opt/gitlab/etc/gitaly/env/PITSTOP_STAND_IN_WITNESS', '/var/log/machine.log')
  put('/opt/gitlab/etc/gitaly/env/PATH', '/opt/gitlab/bin:/opt/gitlab/embedded/bin:/usr/bin:/bin')
  mkdirSync(join(root, '/var/opt/gitlab/gitaly'), { recursive: true })
  mkdirSync(join(root, '/opt/gitlab/embedded/bin'), { recursive: true })
  put(gitalyRuntime, '')
  put('/lib/systemd/system/gitlab-runsvdir.service', runsvdirUnit)
  link('/etc/systemd/system/multi-user.target.wants/gitlab-runsvdir.service', '/lib/systemd/system/gitlab-runsvdir.service')
  await build({
    entryPoints: [gitalyStandIn], outfile: join(root, '/opt/gitlab/embedded/lib/gitaly.mjs'), bundle: true, platform: 'node', format: 'esm', logLevel: 'warning',
    banner: { js: 'import { createRequire } from \'node:module\'; const require = createRequire(import.meta.url)' }
  })
}
