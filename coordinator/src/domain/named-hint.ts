// Advice that was written where the node was not known, for a place where it is: people type what they read. Agents of earlier releases and
// journals say NODE too. Pure.
import type { Reason } from '@pitstop/shared/fault'

/** "pitstop node retry NODE" with the node's own name. */
export const namedHint = (node: string, said: Reason): Reason => (/\bNODE\b/.test(said.hint) ? { ...said, hint: said.hint.replaceAll(/\bNODE\b/g, node) } : said)
