// What a fresh stand-in host has installed and what its repositories offer: a Debian 12 Gitaly host some weeks
// behind. Five updates and a new kernel; gitlab-ee offers one too, which must never be taken; one package is held.
import type { AvailablePackage, InstalledPackage } from './package-database.ts'

export interface PackageSet {
  readonly installed: Readonly<Record<string, InstalledPackage>>
  readonly available: readonly AvailablePackage[]
}

const stable = 'Debian:12.8/stable'
const security = 'Debian-Security:12/stable-security'

const installed = (version: string, summary: string, more: Partial<InstalledPackage> = {}): InstalledPackage =>
  ({ version, architecture: 'amd64', summary, state: 'installed', ...more })

const available = (name: string, version: string, release: string, summary: string, more: Partial<AvailablePackage> = {}): AvailablePackage =>
  ({ name, version, architecture: 'amd64', release, summary, ...more })

const summaries = {
  base: 'Debian base system miscellaneous files',
  kernel: 'Linux 6.1 for 64-bit PCs (signed)',
  meta: 'Linux for 64-bit PCs (meta-package)',
  libssl: 'Secure Sockets Layer toolkit - shared libraries',
  openssl: 'Secure Sockets Layer toolkit - cryptographic utility',
  gitlab: 'GitLab Enterprise Edition (including NGINX, Postgres, Redis)',
  client: 'front-end programs for PostgreSQL 15',
  zones: 'time zone and daylight-saving time data'
}

export const defaultPackages: PackageSet = {
  installed: {
    'base-files': installed('12.4+deb12u7', summaries.base),
    'bash': installed('5.2.15-2+b7', 'GNU Bourne Again SHell'),
    'gitlab-ee': installed('18.5.1-ee.0', summaries.gitlab),
    'libssl3': installed('3.0.14-1~deb12u2', summaries.libssl),
    'linux-image-6.1.0-25-amd64': installed('6.1.106-3', summaries.kernel),
    'linux-image-6.1.0-26-amd64': installed('6.1.112-1', summaries.kernel),
    'linux-image-amd64': installed('6.1.112-1', summaries.meta),
    'openssl': installed('3.0.14-1~deb12u2', summaries.openssl),
    'postgresql-client-15': installed('15.8-0+deb12u1', summaries.client, { held: true }),
    'tzdata': installed('2024a-0+deb12u1', summaries.zones, { architecture: 'all' })
  },
  available: [
    available('base-files', '12.4+deb12u8', stable, summaries.base, { size: 71 }),
    available('bash', '5.2.15-2+b7', stable, 'GNU Bourne Again SHell', { size: 1490 }),
    available('gitlab-ee', '18.5.2-ee.0', 'packages.gitlab.com/gitlab/gitlab-ee:bookworm', summaries.gitlab, { size: 1_210_000 }),
    available('libssl3', '3.0.15-1~deb12u1', `${stable}, ${security}`, summaries.libssl, { size: 2025 }),
    available('linux-image-6.1.0-27-amd64', '6.1.115-1', security, summaries.kernel, { size: 69_200 }),
    available('linux-image-amd64', '6.1.115-1', security, summaries.meta, { size: 2, depends: ['linux-image-6.1.0-27-amd64'] }),
    available('openssl', '3.0.15-1~deb12u1', security, summaries.openssl, { size: 1434, depends: ['libssl3=3.0.15-1~deb12u1'] }),
    available('postgresql-client-15', '15.10-0+deb12u1', stable, summaries.client, { size: 1720 }),
    available('tzdata', '2024b-0+deb12u1', stable, summaries.zones, { size: 306, architecture: 'all' })
  ]
}
