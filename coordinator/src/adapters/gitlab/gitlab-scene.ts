// A GitLab stand-in over real HTTP and the adapter that talks to it. For tests only.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { asFault, type Fault } from '@pitstop/shared/fault'
import type { PlantedFault } from '../../../../test/stand-ins/gitlab/faults.ts'
import { createGitLab as createStandIn, type GitLabOptions, type GitLabStandIn } from '../../../../test/stand-ins/gitlab/gitlab.ts'
import type { GitLabSettings } from './gitlab-section.ts'
import { createGitLab } from './gitlab.ts'
import type { GitLab } from './port.ts'

export const secret = 'glpat-TheSecretTokenValue'
export const bot = { name: 'bot', value: secret, user: { id: 5, username: 'pitstop-bot', admin: true }, scopes: ['api', 'admin_mode'], expiresAt: null }
export const schedule = { id: 319, project: { id: 42, path: 'gl-infra/weights' }, ownerId: 9, description: 'gprd daily', hour: 4, active: true, variables: [{ key: 'TARGET_API_PRIVATE_TOKEN', value: 'glpat-InTheSchedule' }] }
const storages = ['default', 'nfs-file01', 'nfs-file02']
export const never = 0

interface Scene { readonly standIn: GitLabStandIn, readonly gitlab: GitLab, readonly tokenFile: string, readonly plant: (effect: PlantedFault['effect'], match?: Omit<PlantedFault, 'effect'>) => void }

export async function scene(t: Test, options: Partial<GitLabOptions> = {}, overrides: Partial<GitLabSettings> = {}): Promise<Scene> {
  const standIn = createStandIn({ storages, weights: { default: 100, 'nfs-file01': 50 }, tokens: [bot], schedule, ...options })
  const url = await standIn.listen()
  const tokenFile = join(await temporaryFolder(t, 'pitstop-gitlab-'), 'token')
  await writeFile(tokenFile, `${secret}\n`, { mode: 0o600 })
  const gitlab = createGitLab({
    url, token: { file: tokenFile }, requestTimeoutMs: 2000, landsWithinMs: 1000, moves: true,
    assigner: { url, token: { file: tokenFile }, project: 'gl-infra/weights', schedule: 319 }, ...overrides
  })
  t.teardown(async () => {
    await gitlab.close()
    await standIn.close()
  })
  return { standIn, gitlab, tokenFile, plant: (effect, match = {}) => standIn.faults.plant({ ...match, effect }) }
}

export async function faultOf(t: Test, act: Promise<unknown>): Promise<Fault> {
  try {
    await act
  } catch (thrown) {
    const fault = asFault(thrown)
    t.notMatch(JSON.stringify([fault.toReason(), fault.stack]), /TheSecret|InTheSchedule/, 'no secret in a fault')
    return fault
  }
  t.fail('a fault was expected')
  throw new Error('no fault')
}

export const requests = (standIn: GitLabStandIn, method: string): number =>
  standIn.log.lines.filter((line) => line.kind === 'request' && line.method === method).length

/** Gone with its test. */
export async function temporaryFolder(owner: { teardown(handler: () => unknown): void }, prefix: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  owner.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
