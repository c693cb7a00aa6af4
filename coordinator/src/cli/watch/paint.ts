// Colours of the live view, by meaning. Layout is done on plain text first: colours never change a width.
import { styleText } from 'node:util'
import type { NodePhase } from '../../domain/state.ts'

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'dim' | 'strong'
export type Paint = (tone: Tone, text: string) => string

export const plain: Paint = (_tone, text) => text

const styles = { good: 'green', busy: 'cyan', warn: 'yellow', bad: 'red', dim: 'dim', strong: 'bold' } as const
export const coloured: Paint = (tone, text) => styleText(styles[tone], text, { validateStream: false })

export const tones: Readonly<Record<NodePhase, Tone>> = {
  'waiting': 'dim', 'preparing': 'busy', 'prepared': 'busy', 'down': 'warn', 'returning': 'good', 'done': 'good', 'current': 'good',
  'postponed': 'warn', 'pending-reboot': 'warn', 'failed': 'bad', 'skipped': 'dim', 'written-off': 'bad'
}
