// `npm run bench`: what pitstop costs a node, then what the agent costs a host. `npm run bench -- agent` for one of them.
const usage = 'npm run bench -- [agent [--starts N] [--idle SECONDS] | orchestration [--nodes N]]'
const [what, ...more] = process.argv.slice(2)
if (what !== undefined && what !== 'agent' && what !== 'orchestration') {
  const asked = what === '--help' || what === '-h'
  console[asked ? 'log' : 'error'](asked ? `usage: ${usage}` : `"${[what, ...more].join(' ')}" is not understood\nusage: ${usage}`)
  process.exit(asked ? 0 : 2)
}
const chosen = ['agent', 'orchestration'].find((each) => each === what)
if (chosen !== undefined) process.argv.splice(2, 1)
if (chosen !== 'agent') await import('./orchestration.ts')
if (chosen !== 'orchestration') await import('./agent.ts')
