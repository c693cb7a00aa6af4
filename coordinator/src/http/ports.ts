// What the HTTP API needs: the coordinator as it is, the settings that shape answers, and who may ask. `Served` is the
// coordinator's public face, so that tests may stand one in.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify'
import type { PolicyDefaults } from '../config/policy-section.ts'
import type { ApiRole, TokenSettings } from '../config/tokens-section.ts'
import type { Inventory } from '../adapters/inventory/port.ts'
import type { Coordinator } from '../engine/coordinator.ts'

export type Served = Pick<Coordinator, 'acting' | 'holder' | 'standing' | 'lostPromises' | 'readFrozen' | 'readRestored' | 'onEvent' | 'makePlan' | 'draftPlan' | 'findPlan' | 'listPlans' | 'preflight' |
  'requireNoWindow' | 'openWindow' | 'command' | 'handOver' | 'freeze' | 'unfreeze' | 'view' | 'journal' | 'fleetJournal' | 'journalAfter' | 'lease' | 'backup'>

/** local: a unix socket that only its owner can open, so the peer is an operator of this host. tokens: everybody shows one. */
export type Access = { readonly kind: 'local' } | { readonly kind: 'tokens', readonly tokens: readonly TokenSettings[] }

export interface ApiSettings {
  readonly fleet: string
  readonly version: string
  readonly access: Access
  readonly policy: PolicyDefaults
  readonly hasAssigner: boolean
  /** Path of this machine's break-glass file: named where the store is away, for then it is all there is. */
  readonly breakGlass?: string
  readonly inventory: Inventory
  readonly now: () => number
  readonly log: (level: 'info' | 'warn' | 'error', text: string, facts?: Record<string, unknown>) => void
  /** PEM; undefined = plain HTTP. */
  readonly tls?: { readonly key: string, readonly cert: string } | undefined
  /** Ms between heartbeats of an event stream. */
  readonly heartbeatMs?: number
  /** Ms between readings of the shared journal for a follower of a standby. */
  readonly standbyMs?: number
}

export type Api = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, TypeBoxTypeProvider>

export interface Actor { readonly name: string, readonly role: ApiRole }

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; goes into the journal as "by". Null outside /api. */
    actor: Actor | null
  }
}
