// The stand-in as a process: `node main.ts CONFIG.json` (the shape of GitLabOptions) prints its base URL on one
// line and serves until SIGTERM or SIGINT. The tests' handle is under /-/stand-in/.
import { readFileSync } from 'node:fs'
import { createGitLab, type GitLabOptions } from './gitlab.ts'

const [file] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: node main.ts CONFIG.json')
  process.exit(2)
}
const gitlab = createGitLab(JSON.parse(readFileSync(file, 'utf8')) as GitLabOptions)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void gitlab.close())
console.log(await gitlab.listen())
