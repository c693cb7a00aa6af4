// `npm run bench`: what pitstop costs a node, then what the agent costs a host. `npm run bench -- agent` for one of them.
const [what] = process.argv.slice(2)
const chosen = ['agent', 'orchestration'].find((each) => each === what)
if (chosen !== undefined) process.argv.splice(2, 1)
if (chosen !== 'agent') await import('./orchestration.ts')
if (chosen !== 'orchestration') await import('./agent.ts')
