// `pitstop why [node]`: what holds things up, evaluated now, with what to do.
import type { Command } from 'commander'
import type { Reason } from '@pitstop/shared/fault'
import type { NodePhase } from '../../domain/state.ts'
import type { Perform } from '../context.ts'
import { examples } from '../examples.ts'

interface Why {
  readonly label: string | null
  readonly standing: readonly Reason[]
  readonly gates: readonly Reason[]
  readonly window: readonly Reason[]
  readonly halt: readonly Reason[]
  readonly pause: readonly Reason[]
  readonly nodes: readonly { readonly node: string, readonly phase: NodePhase, readonly step: string | null, readonly reasons: readonly Reason[] }[]
  readonly obligations: readonly { readonly id: string, readonly because: Reason | null }[]
}

export function whyCommand(program: Command, perform: Perform): void {
  program.command('why').description('why things, or one node, are not further along').argument('[fqdn]')
    .addHelpText('after', examples('pitstop why', 'pitstop why gitaly-03.internal'))
    .action(perform(async (context, command) => {
      const [node] = command.args
      const answer = await context.client.get<Why>(`/why${node === undefined ? '' : `?node=${encodeURIComponent(node)}`}`)
      context.print(answer, () => describeWhy(answer))
      return answer.standing.some(({ code }) => code === 'NOT_FOUND') ? 'input' : 'done'
    }))
}

const explain = ({ text, hint }: Reason, indent = '  '): string[] => [`${indent}${text}`, `${indent}  do: ${hint}`]

export function describeWhy(why: Why): string[] {
  const told = new Set<string>()
  // The same reason often stands at the window, its gates and a node: it is said once, at the widest.
  const fresh = (reasons: readonly Reason[]): Reason[] => reasons.filter(({ text }) => !told.has(text) && told.add(text))
  const section = (title: string, reasons: readonly Reason[]): string[] => {
    const lines = fresh(reasons).flatMap((each) => explain(each))
    return lines.length === 0 ? [] : [title, ...lines]
  }
  const lines = [
    ...section('pitstop:', why.standing),
    ...section('halted:', why.halt),
    ...section('paused:', why.pause),
    ...section('the window:', why.window),
    ...section('no further node begins:', why.gates),
    ...why.nodes.flatMap(({ node, phase, step, reasons }) => {
      const own = fresh(reasons).flatMap((each) => explain(each))
      return own.length === 0 && phase !== 'failed' ? [] : [`${node}: ${phase}${step === null ? '' : ` at ${step}`}`, ...own]
    }),
    ...section('not put back yet:', why.obligations.flatMap(({ because }) => (because === null ? [] : [because])))
  ]
  return lines.length > 0 ? lines : [`nothing is in the way (${why.label ?? 'no window'})`]
}
