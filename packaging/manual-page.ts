// The manual page of a command, made of what the command itself says with --help: one text, true by construction.
import { gzipSync } from 'node:zlib'
import { output } from './command.ts'

interface Page {
  readonly command: string
  /** 1 = for everybody, 8 = for administrators. */
  readonly section: 1 | 8
  readonly summary: string
  readonly version: string
  readonly date: number
}

/** @param bundle what is asked, by the Node that runs this. */
export async function manualPage(bundle: string, { command, section, summary, version, date }: Page): Promise<Buffer> {
  const help = await output([process.execPath, bundle, '--help'], { env: { NODE_OPTIONS: '', COLUMNS: '100' } })
  const day = new Date(date * 1000).toISOString().slice(0, 10)
  // A line that begins with a dot or an apostrophe would be a request to roff.
  const text = help.trimEnd().replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll(/^(?=[.'])/gm, '\\&')
  const documents = `pitstop\\-${command === 'pitstop' ? 'coordinator' : 'agent'}`
  return gzipSync(`.TH ${command.toUpperCase()} ${section} ${day} "pitstop ${version}" "pitstop"
.SH NAME
${command} \\- ${summary}
.SH SYNOPSIS
.B ${command}
[options] [command]
.SH DESCRIPTION
.nf
${text}
.fi
.SH FILES
/usr/share/doc/${documents}/examples/${command === 'pitstop' ? 'nodes.yml' : 'agent.yml'}
.SH SEE ALSO
/usr/share/doc/${documents}/RUNBOOK.md
`, { level: 9 })
}
