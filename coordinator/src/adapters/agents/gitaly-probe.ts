// Asks Gitaly itself from the coordinator's side: healthy inside and unreachable outside is not healthy for anybody.
import { readFileSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { gitalyChannel, type HealthClient, HealthService, systemAuthorities } from '@pitstop/proto'
import { formatDuration } from '@pitstop/shared/duration'
import { gitalyAddressForms, parseGitalyAddress } from '@pitstop/shared/gitaly-address'
import { bearerToken, secretIn, tokenWindowMs } from '@pitstop/shared/gitaly-token'
import { gitalyTrouble } from '@pitstop/shared/gitaly-trouble'
import { formatInstant } from '@pitstop/shared/instant'
import { Connections, connectionOptions } from './connections.ts'

const deadlineMs = 1000
/** What a connection attempt that failed has to say is known at once. */
const reasonDeadlineMs = 200

export interface GitalyProbeSettings {
  readonly tokenFile?: string | undefined
  /** For tls:// addresses; undefined = the system's. */
  readonly authority?: string | undefined
}

export interface OutsideView {
  readonly serving: boolean
  readonly text: string
}

export function gitalyProbe({ tokenFile, authority }: GitalyProbeSettings): { ask(address: string): Promise<OutsideView>, close(): void } {
  const connections = new Connections<HealthClient>()

  const clientOf = (address: string): HealthClient => {
    const parsed = parseGitalyAddress(address)
    if (parsed === undefined) throw new Error(gitalyAddressForms)
    // No knock: Gitaly's log is looked at for errors, and a caller that leaves at once might be noted there.
    return connections.renew(address, () => {
      const { target, credentials, options } = gitalyChannel(parsed, { authority })
      return new HealthService(target, credentials, { ...options, ...connectionOptions })
    })
  }

  function authorization(waitForReady: boolean): grpc.Metadata {
    const metadata = new grpc.Metadata({ waitForReady })
    if (tokenFile === undefined) return metadata
    const secret = secretIn(readFileSync(tokenFile, 'utf8'))
    if (secret === undefined) throw new Error(`${tokenFile} is empty`)
    metadata.set('authorization', bearerToken(secret, Date.now()))
    return metadata
  }

  const check = (client: HealthClient, waitForReady: boolean, forMs: number): Promise<string | grpc.ServiceError> => new Promise((resolve) => {
    client.Check({ service: '' }, authorization(waitForReady), { deadline: Date.now() + forMs }, (error, answer) => { resolve(error ?? answer?.status ?? 'nothing') })
  })

  return {
    async ask(address) {
      try {
        // A host that has just come back is waited for, not given up on because the channel still backs off.
        const client = clientOf(address)
        let answer = await check(client, true, deadlineMs)
        // Whoever waits is told only that it took too long; without waiting, why.
        if (typeof answer !== 'string' && answer.code === grpc.status.DEADLINE_EXCEEDED) answer = await check(client, false, reasonDeadlineMs)
        if (typeof answer === 'string') return { serving: answer === 'SERVING', text: `Gitaly at ${address} says ${answer}` }
        return explain(address, answer)
      } catch (error) {
        return { serving: false, text: `Gitaly at ${address} cannot be asked: ${error instanceof Error ? error.message : String(error)}` }
      }
    },
    close() { connections.close() }
  }

  function explain(address: string, error: grpc.ServiceError): OutsideView {
    const { kind, text } = gitalyTrouble(grpc.status[error.code] ?? String(error.code), error.details, {
      address, serverName: parseGitalyAddress(address)?.host ?? '', authority: authority ?? systemAuthorities, keys: { authority: 'gitaly-authority', serverName: 'the node\'s gitaly in the inventory' }
    })
    if (kind !== 'refused') return { serving: false, text: `Gitaly at ${address}: ${text}` }
    // Without a token Gitaly answers, and says no: it is reachable, which is what is asked here.
    if (tokenFile === undefined) return { serving: true, text: `Gitaly at ${address} answers (${text})` }
    return { serving: false, text: `Gitaly at ${address} refuses the token of ${tokenFile} (${text}): the secret is not Gitaly's, or the host's clock? A token is good for ${formatDuration(tokenWindowMs)} around Gitaly's time; here it is ${formatInstant(Date.now())}` }
  }
}
