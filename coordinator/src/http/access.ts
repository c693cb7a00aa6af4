// Who asks, and whether that role may. Tokens are compared as digests in constant time, against all of them each time,
// and their values are never logged. Viewers may look; everything that is not a GET takes an operator.
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { FastifyRequest } from 'fastify'
import { Fault, asFault } from '@pitstop/shared/fault'
import type { TokenSettings } from '../config/tokens-section.ts'
import type { Access, Actor, Api, ApiSettings } from './ports.ts'

/** Header in which the local CLI says who types. Believed on the unix socket alone. */
export const userHeader = 'pitstop-user'

/** Shorter secrets can be guessed; 32 hexadecimal digits and more cannot. */
const shortestToken = 20

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Read at each use, so that a token can be rotated under a running coordinator. Null: it opens nothing at present. */
async function digestOf({ name, secret }: TokenSettings, log: ApiSettings['log']): Promise<Buffer | null> {
  if ('sha256' in secret) return Buffer.from(secret.sha256, 'hex')
  const text = await readFile(secret.file, 'utf8').catch((error: unknown) => {
    log('warn', `the token file of ${name} cannot be read: ${asFault(error).message}`)
    return ''
  })
  return text.trim().length < shortestToken ? null : digest(text.trim())
}

async function bearer(header: string | undefined, tokens: readonly TokenSettings[], log: ApiSettings['log']): Promise<Actor> {
  const shown = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
  if (shown === undefined) throw new Fault('UNAUTHENTICATED', 'no token was shown', { hint: 'send it in the header Authorization (scheme Bearer); pitstop does so with --token-file' })
  const presented = digest(shown)
  let found: Actor | undefined
  for (const token of tokens) {
    const expected = await digestOf(token, log)
    const equal = timingSafeEqual(presented, expected ?? Buffer.alloc(presented.length))
    if (equal && expected !== null) found ??= { name: token.name, role: token.role }
  }
  if (found === undefined) throw new Fault('UNAUTHENTICATED', 'the token shown is not known here', { hint: 'the coordinator\'s configuration lists the tokens under "tokens:"' })
  return found
}

function localPeer(header: string | string[] | undefined): Actor {
  const name = Array.isArray(header) ? header[0] : header
  return { name: name !== undefined && /^[\w.@-]{1,64}$/.test(name) ? name : 'local', role: 'operator' }
}

const authenticate = (access: Access, request: FastifyRequest, log: ApiSettings['log']): Promise<Actor> =>
  access.kind === 'local' ? Promise.resolve(localPeer(request.headers[userHeader])) : bearer(request.headers.authorization, access.tokens, log)

/** Before bodies are read: a stranger gets nothing parsed. */
export function requireActor(api: Api, { access, log }: ApiSettings): void {
  api.addHook('onRequest', async (request) => {
    const actor = await authenticate(access, request, log)
    if (actor.role !== 'operator' && request.method !== 'GET' && request.method !== 'HEAD') {
      throw new Fault('WRONG_ROLE', `${actor.name} is a ${actor.role}; ${request.method} takes an operator`, { hint: 'use a token of the role operator' })
    }
    request.actor = actor
  })
}

/** Who did it, for the journal. */
export function actorOf(request: FastifyRequest): string {
  if (request.actor === null) throw new Fault('UNAUTHENTICATED', 'nobody is known to ask')
  return request.actor.name
}
