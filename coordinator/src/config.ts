// The coordinator's configuration: one YAML in kebab-case, strict, put together from the sections of its parts. All
// problems are told at once with file:line:column by shared/configuration. Reads one file; nothing else is touched.
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { duration, fleetName, hostPort, readConfiguration } from '@pitstop/shared/configuration'
import { formatDuration } from '@pitstop/shared/duration'
import { type AlertsSettings, alertsSection } from './adapters/alerts/alerts-section.ts'
import { unreadable } from './adapters/file-fault.ts'
import { type GitLabSettings, gitLabSection } from './adapters/gitlab/gitlab-section.ts'
import { type InventorySettings, inventorySection } from './adapters/inventory/inventory-section.ts'
import { isPostgres, parsePostgresUrl, withoutSecrets } from './adapters/store/postgres-address.ts'
import { type PolicyDefaults, policyConflicts, policySection } from './config/policy-section.ts'
import { realPath } from './config/real-path.ts'
import { type TokenSettings, tokensSection } from './config/tokens-section.ts'
import { type NamedPath, breakGlassPaths, clashes, storePaths } from './config/written-paths.ts'

export const defaultConfigurationFile = '/etc/pitstop/coordinator.yml'
export const defaultSocket = '/run/pitstop/coordinator.sock'

export interface Settings {
  readonly file: string
  readonly fleet: string
  /** Path of the SQLite file, or postgres://… */
  readonly store: string
  readonly storePasswordFile?: string
  /** host:port by which agents reach us; standbys and refusals name it. */
  readonly address: string
  readonly listen: {
    /** host:port of the HTTP API; null = the unix socket alone. */
    readonly http: string | null
    readonly socket: string
    /** host:port for agents that report themselves ready. */
    readonly agents: string
  }
  readonly tls: { readonly certificate: string, readonly key: string, readonly authority: string }
  readonly breakGlass: string
  readonly leaseTtlMs: number
  readonly gitlab: GitLabSettings
  readonly alerts?: AlertsSettings
  readonly inventory: InventorySettings
  readonly gitalyTokenFile?: string
  readonly gitalyAuthority?: string
  readonly tokens: readonly TokenSettings[]
  readonly policy: PolicyDefaults
}

const path = v.pipe(v.string('must be an absolute path'), v.startsWith('/', 'must be an absolute path'))
const storeForms = 'must be the absolute path of an SQLite file, or postgres://USER@HOST:PORT/DATABASE'
function storeProblem(text: string): string {
  if (!isPostgres(text)) return text.startsWith('/') ? (text.endsWith('/') ? `${storeForms}; this is a folder` : '') : storeForms
  const address = parsePostgresUrl(text)
  return 'problem' in address ? address.problem : ''
}
const storePlace = v.pipe(
  v.string(storeForms),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? storeProblem(dataset.value) : ''
    // An address that is refused may be refused for its password: that is not repeated.
    if (dataset.typed && problem !== '') addIssue({ message: problem, input: isPostgres(dataset.value) ? withoutSecrets(dataset.value) : dataset.value })
  })
)

const strict = v.strictObject({
  'fleet': fleetName,
  'store': v.optional(storePlace, '/var/lib/pitstop/coordinator.db'),
  'store-password-file': v.optional(path),
  'address': hostPort,
  'listen': v.strictObject({ http: v.optional(hostPort), socket: v.optional(path, defaultSocket), agents: hostPort }),
  'tls': v.strictObject({ certificate: path, key: path, authority: path }),
  'break-glass': v.optional(path, '/var/lib/pitstop/break-glass.txt'),
  'lease': v.optional(v.strictObject({ ttl: v.optional(v.pipe(duration, v.minValue(1000, 'must be 1s or more'), v.maxValue(3_600_000, 'must be 1h or less: nobody acts for so long when a coordinator dies')), '30s') }), {}),
  'gitlab': gitLabSection,
  'alerts': v.optional(alertsSection),
  'inventory': inventorySection,
  'gitaly-token-file': v.optional(path),
  'gitaly-authority': v.optional(path),
  'tokens': v.optional(tokensSection, []),
  'policy': v.optional(policySection, {})
})

const schemaOf = (file: string) => v.pipe(
  strict,
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = (keys: readonly string[], message: string, found: unknown): void => {
      const [first, ...rest] = keys.map((key) => ({ type: 'object' as const, origin: 'value' as const, input: {}, key, value: undefined }))
      addIssue({ message, path: first === undefined ? undefined : [first, ...rest], input: found })
    }
    // Sections that are wrong in themselves did not become settings; what did is compared all the same.
    const { gitlab, lease, policy } = dataset.value as Partial<v.InferOutput<typeof strict>>
    const requestTimeoutMs = gitlab?.requestTimeoutMs
    const ttl = lease?.ttl
    // Renewed after a third: what is left of it then must cover one request to GitLab, with room for a failed renewal.
    if (typeof requestTimeoutMs === 'number' && typeof ttl === 'number' && requestTimeoutMs > ttl / 2) {
      problem(['gitlab', 'request-timeout'], `must not be longer than half of lease.ttl (${formatDuration(ttl)}): a request could outlive the lease; set ${formatDuration(ttl / 2)} or a longer ttl`, formatDuration(requestTimeoutMs))
    }
    if (dataset.typed) for (const { keys, text, found } of clashes(pathsOf(file, dataset.value), realPath)) problem(keys, text, found)
    if (requestTimeoutMs !== undefined && policy?.groupSize !== undefined) {
      for (const { key, text, found } of policyConflicts(policy, gitlab?.assigner !== undefined)) problem(['policy', ...key], text, found)
    }
  })
)

/** Every file that the configuration names; those that pitstop writes come first. */
function pathsOf(file: string, input: v.InferOutput<typeof strict>): NamedPath[] {
  const { listen, tls, gitlab, alerts, inventory } = input
  const read = (keys: readonly string[], source: unknown): NamedPath[] => {
    const named = typeof source === 'object' && source !== null && 'file' in source ? source.file : source
    return typeof named === 'string' && named.startsWith('/') ? [{ keys, path: named, written: false }] : []
  }
  return [
    ...breakGlassPaths(input['break-glass']), { keys: ['listen', 'socket'], path: listen.socket, written: true }, ...isPostgres(input.store) ? [] : storePaths(input.store, realPath),
    ...read([], file), ...read(['store-password-file'], input['store-password-file']), ...Object.entries(tls).flatMap(([key, path]) => read(['tls', key], path)),
    ...read(['gitlab', 'token-file'], gitlab.token), ...read(['gitlab', 'assigner', 'token-file'], gitlab.assigner?.token), ...read(['alerts', 'token-file'], alerts?.token), ...read(['alerts', 'ca-file'], alerts?.authority), ...read(['inventory', 'file'], inventory),
    ...read(['gitaly-token-file'], input['gitaly-token-file']), ...read(['gitaly-authority'], input['gitaly-authority']), ...input.tokens.flatMap(({ secret }, index) => read(['tokens', String(index), 'file'], secret))
  ]
}

/** @throws Fault INVALID_CONFIGURATION with all problems. */
export function parseSettings(file: string, text: string): Settings {
  const input = readConfiguration(file, text, schemaOf(file))
  return {
    file,
    fleet: input.fleet,
    store: input.store,
    ...input['store-password-file'] === undefined ? {} : { storePasswordFile: input['store-password-file'] },
    address: input.address,
    listen: { http: input.listen.http ?? null, socket: input.listen.socket, agents: input.listen.agents },
    tls: input.tls,
    breakGlass: input['break-glass'],
    leaseTtlMs: input.lease.ttl,
    gitlab: input.gitlab,
    ...input.alerts === undefined ? {} : { alerts: input.alerts },
    inventory: input.inventory,
    ...input['gitaly-token-file'] === undefined ? {} : { gitalyTokenFile: input['gitaly-token-file'] },
    ...input['gitaly-authority'] === undefined ? {} : { gitalyAuthority: input['gitaly-authority'] },
    tokens: input.tokens,
    policy: input.policy
  }
}

/** @throws Fault INVALID_CONFIGURATION, or PERMISSION_DENIED when the file is there for others. */
export function loadSettings(file: string): Settings {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw unreadable(file, error, { code: 'INVALID_CONFIGURATION', hint: 'name another file with --config, or write one with: pitstop init' })
  }
  return parseSettings(file, text)
}
