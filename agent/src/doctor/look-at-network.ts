// `doctor`, the network: may this agent listen where it should, and do its coordinators answer? Opens connections with the
// agent's own certificate and closes them; says nothing over them.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { connect } from 'node:tls'
import { chain, reason } from '@pitstop/shared/fault'
import { type Identity, identityFromAltNames, identityUri } from '@pitstop/shared/identity'
import type { Settings } from '../config.ts'
import { type Finding, fine, inTheWay, notJudged, toKnow } from '../domain/diagnosis.ts'

const deadlineMs = 3000

interface Place { readonly host: string, readonly port: number }

const placeOf = (address: string): Place => {
  const at = address.lastIndexOf(':')
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) }
}

/** @param isRoot low ports and the agent's key are root's. */
export async function lookAtListen({ listen, tls, fleet, node }: Settings, isRoot: boolean): Promise<readonly Finding[]> {
  const place = placeOf(listen)
  const taken = await bindError(place)
  if (taken === undefined) return [fine('agent', `${listen} is free`)]
  if (taken.code === 'EACCES' && !isRoot) return [notJudged('agent', `whether the agent can listen on ${listen} cannot be judged without root`)]
  if (taken.code !== 'EADDRINUSE') {
    return [inTheWay('agent', reason('INVALID_CONFIGURATION', `nothing can listen on ${listen}: ${taken.message}`, 'set "listen:" to an address of this host'))]
  }
  const here = { ...place, host: place.host === '0.0.0.0' ? '127.0.0.1' : place.host === '::' ? '::1' : place.host }
  const own = ownFiles(tls)
  if (!isRoot && own === 'unreadable') return [notJudged('agent', `${listen} is taken; whether by this agent cannot be judged without root`)]
  const holder = `on the host: ss -ltnp 'sport = :${place.port}'`
  if (typeof own === 'string') return [inTheWay('agent', reason('AGENT_UNREACHABLE', `${listen} is taken; by whom cannot be asked without a certificate`, holder))]
  const shown = await whoAnswers(here, own)
  if (typeof shown === 'string') return [inTheWay('agent', reason('AGENT_UNREACHABLE', `${listen} is taken by something else than this agent: ${shown}`, holder))]
  return shown.role === 'agent' && shown.fleet === fleet && shown.name === node
    ? [fine('agent', `${listen} is held by the running agent`)]
    : [inTheWay('agent', reason('WRONG_NODE', `${listen} is held by ${identityUri(shown)}`, 'another agent runs on this address: check "listen:" and "node:"'))]
}

export async function lookAtCoordinators({ coordinators, tls, fleet }: Settings, isRoot: boolean): Promise<readonly Finding[]> {
  if (coordinators.length === 0) return [toKnow('coordinators', 'none is configured: nobody is told "I am back" after a boot', 'name them under "coordinators:"; without, the coordinator looks by itself, a little later')]
  const own = ownFiles(tls)
  if (own === 'missing') return [toKnow('coordinators', 'not asked: no certificate yet', 'see identity; then once more: pitstop-agent doctor')]
  if (own === 'unreadable') return [isRoot ? toKnow('coordinators', 'not asked: certificate or key cannot be read', 'see identity; then once more: pitstop-agent doctor') : notJudged('coordinators', 'not asked: certificate or key cannot be read without root')]
  return await Promise.all(coordinators.map(async (address) => {
    const shown = await whoAnswers(placeOf(address), own)
    if (typeof shown === 'string') return toKnow('coordinators', `${address} does not answer: ${shown}`, 'check that it runs and that the port is open; a lost "I am back" costs seconds, nothing else')
    return shown.role === 'coordinator' && shown.fleet === fleet ? fine('coordinators', `${address} is ${identityUri(shown)}`)
      : toKnow('coordinators', `${address} is ${identityUri(shown)}, no coordinator of fleet ${fleet}`, 'correct "coordinators:"')
  }))
}

function bindError({ host, port }: Place): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => { resolve(error) })
    server.listen({ host, port, exclusive: true }, () => { server.close(() => { resolve(undefined) }) })
  })
}

interface OwnFiles { readonly cert: Buffer, readonly key: Buffer, readonly ca: Buffer }

/** What to show oneself with; nobody else is to blame when there is nothing. */
function ownFiles(tls: Settings['tls']): OwnFiles | 'missing' | 'unreadable' {
  try { return { cert: readFileSync(tls.certificate), key: readFileSync(tls.key), ca: readFileSync(tls.authority) } } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unreadable'
  }
}

/** The identity in the certificate that is shown there, if it is of our own authority; otherwise why not. */
function whoAnswers({ host, port }: Place, files: OwnFiles): Promise<Identity | string> {
  return new Promise((resolve) => {
    let settled = false
    const end = (answer: Identity | string): void => {
      if (settled) return
      settled = true
      clearTimeout(late)
      socket.destroy()
      resolve(answer)
    }
    const late = setTimeout(() => { end(`no answer within ${deadlineMs / 1000} s`) }, deadlineMs)
    // Who answers is proven by the URI in the certificate; the address is only where it is found.
    const socket = connect({ host, port, ...files, ALPNProtocols: ['h2'], servername: '', checkServerIdentity: () => undefined }, () => {
      const identity = identityFromAltNames(socket.getPeerCertificate().subjectaltname)
      end(identity ?? 'the certificate shown names no pitstop identity')
    })
    socket.on('error', (error) => { end(chain(error)) })
  })
}
