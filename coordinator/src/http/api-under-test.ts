// The API over a coordinator that is only in memory, with a token for each role. For tests only.
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { WindowView } from '../domain/view.ts'
import { buildApi } from './api.ts'
import type { Access, Api, ApiSettings } from './ports.ts'
import { ServedInMemory, startedAt, testPolicy } from './served-in-memory.ts'

export const viewerToken = 'viewer-token-0123456789abcdef'
export const operatorToken = 'operator-token-0123456789abcdef'

interface Setup { readonly api: Api, readonly served: ServedInMemory, readonly logged: string[], readonly folder: string }

export async function setup(t: Test, given: Partial<ApiSettings> = {}): Promise<Setup> {
  const folder = await mkdtemp(join(tmpdir(), 'pitstop-http-'))
  await writeFile(join(folder, 'operator'), `${operatorToken}\n`)
  const access: Access = {
    kind: 'tokens',
    tokens: [
      { name: 'grafana', role: 'viewer', secret: { sha256: createHash('sha256').update(viewerToken).digest('hex') } },
      { name: 'ana', role: 'operator', secret: { file: join(folder, 'operator') } },
      { name: 'lost', role: 'operator', secret: { file: join(folder, 'nowhere') } }
    ]
  }
  const served = new ServedInMemory()
  const logged: string[] = []
  const api = await buildApi(served, {
    fleet: 'lab', version: '1.2.3', access, policy: testPolicy, hasAssigner: true, now: () => startedAt,
    inventory: { read: async () => ({ nodes: [], excluded: [] }) },
    log: (level, text, facts) => { logged.push(`${level} ${text} ${JSON.stringify(facts ?? {})}`) }, ...given
  })
  t.teardown(async () => {
    await api.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { api, served, logged, folder }
}

export const local = { access: { kind: 'local' } } as const
export const as = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` })

export async function openWindow({ api }: Setup, headers: Record<string, string> = {}): Promise<WindowView> {
  const made = await api.inject({ method: 'POST', url: '/api/v1/plans', headers, payload: { reason: 'monthly', closesAt: startedAt + 3_600_000 } })
  const { hash } = made.json<{ hash: string }>()
  return (await api.inject({ method: 'POST', url: '/api/v1/window', headers, payload: { plan: hash, confirm: hash.slice(0, 8), reason: 'monthly' } })).json<WindowView>()
}
