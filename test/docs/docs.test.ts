// The documents say what is so: generated parts are current, names exist, every step and event is explained.
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { nodeSteps } from '@pitstop/coordinator/domain/event'
import { nodePhases } from '@pitstop/coordinator/domain/state'
import { faultsDocument } from '@pitstop/shared/faults-document'

const root = new URL('../../', import.meta.url)
const text = (path: string): string => readFileSync(new URL(path, root), 'utf8')

void t.test('docs/faults.md is the fault table', async (t) => {
  t.equal(text('docs/faults.md'), faultsDocument(), 'run: npm run generate')
})

void t.test('RUNBOOK.md explains every step, every state of a node and every event', async (t) => {
  const runbook = text('RUNBOOK.md')
  const events = [...text('coordinator/src/domain/event.ts').matchAll(/readonly type: '([a-z-]+)'/g)].map(([, name]) => name ?? '')
  t.ok(events.length > 30)
  for (const name of new Set([...nodeSteps, 'pause-assigner', 'drain-pipelines', 'resume-assigner', ...nodePhases, ...events])) t.ok(runbook.includes(`\`${name}\``), name)
})

for (const document of ['README.md', 'ARCHITECTURE.md', 'RUNBOOK.md', 'CONTRIBUTING.md', 'DECISIONS.md']) {
  void t.test(`${document}: every path it names exists`, async (t) => {
    const named = [...text(document).matchAll(/`((?:agent|coordinator|packaging|proto|shared|test|docs|\.ci)\/[\w./-]*)`/g)].map(([, path]) => path ?? '')
    for (const path of named) t.ok(existsSync(new URL(path, root)), path)
  })
}

void t.test('ARCHITECTURE.md is short enough to be read', async (t) => {
  t.ok(text('ARCHITECTURE.md').split('\n').length <= 200)
})
