// Writes docs/faults.md from the fault table; the documentation test compares the two.
import { writeFileSync } from 'node:fs'
import { faultTable } from './src/fault-table.ts'

export function faultsDocument(): string {
  const rows = Object.entries(faultTable).map(([code, { meaning, hint, retry, http, grpc }]) => `| \`${code}\` | ${meaning} | ${hint} | ${retry ? 'yes' : 'no'} | ${http} | ${grpc} |`)
  return `# Faults and reasons

Every way pitstop says no. The code is what logs, the API and gRPC trailers carry; the same codes are the reasons of
decisions (\`pitstop why\`). Made from \`shared/src/fault-table.ts\` by \`npm run generate\`.

"Passes by itself": the same thing may succeed later without anybody changing anything.

| code | meaning | what to do | passes by itself | HTTP | gRPC |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

if (import.meta.main) writeFileSync(new URL('../docs/faults.md', import.meta.url), faultsDocument())
