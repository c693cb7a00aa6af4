// A lab host's own record of when it came up and when it began to go down, kept by a systemd unit that nothing is
// ordered against: it stops in the first moment of a shutdown.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const script = `#!/bin/sh
echo "{\\"at\\":\\"$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)\\",\\"event\\":\\"$1\\",\\"boot_id\\":\\"$(cat /proc/sys/kernel/random/boot_id)\\"}" >> /var/log/machine.log
`

const unit = `[Unit]
Description=Lab witness

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/usr/local/bin/lab-witness reboot-requested

[Install]
WantedBy=multi-user.target
`

export function layWitness(root: string): void {
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true })
  writeFileSync(join(root, 'usr/local/bin/lab-witness'), script)
  chmodSync(join(root, 'usr/local/bin/lab-witness'), 0o755)
  writeFileSync(join(root, 'lib/systemd/system/lab-witness.service'), unit)
  mkdirSync(join(root, 'etc/systemd/system/multi-user.target.wants'), { recursive: true })
  symlinkSync('/lib/systemd/system/lab-witness.service', join(root, 'etc/systemd/system/multi-user.target.wants/lab-witness.service'))
}
