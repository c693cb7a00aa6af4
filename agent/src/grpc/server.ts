// The agent's gRPC server: mutual TLS with certificates that are read again when they change, AgentService and the
// standard health service. Build without listening; shutting down ends infinite streams first.
import { readFileSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { AgentService, type AgentServiceHandlers, HealthService, watchedServerCredentials } from '@pitstop/proto'
import { Fault } from '@pitstop/shared/fault'
import type { HealthWatcher } from '../health/health-watcher.ts'
import type { OrderDesk } from '../orders/order-desk.ts'
import type { Logger } from '../ports.ts'
import { guard } from './caller.ts'
import { cancelRebootHandler } from './cancel-reboot.ts'
import { describe } from './describe.ts'
import { healthHandler } from './health.ts'
import { scheduleRebootHandler } from './schedule-reboot.ts'
import { serviceStatusHandler } from './service-status.ts'
import { stageHandler } from './stage.ts'
import { tailLogHandler } from './tail-log.ts'
import { upgradeHandler } from './upgrade.ts'

export interface TlsFiles {
  readonly certificate: string
  readonly key: string
  readonly authority: string
}

export interface AgentServer {
  /** @returns the port, which matters when 0 was asked for. */
  readonly listen: (address: string) => Promise<number>
  readonly close: () => Promise<void>
}

const graceMs = 2000

/** Why nothing can be served there; the same words as doctor's. */
export function listenFault(address: string, error: Error): Fault {
  const port = address.slice(address.lastIndexOf(':') + 1)
  return error.message.includes('EADDRINUSE')
    ? new Fault('AGENT_UNREACHABLE', `nothing can listen on ${address}: it is taken (EADDRINUSE)`, { cause: error, hint: `on the host: ss -ltnp 'sport = :${port}'; end what holds it, or change "listen:"` })
    : new Fault('AGENT_UNREACHABLE', `nothing can listen on ${address}: ${error.message}`, { cause: error, hint: 'set "listen:" to an address and a port that this host may listen on' })
}

export function buildServer(parts: { desk: OrderDesk, watcher: HealthWatcher, tls: TlsFiles, log: Logger }): AgentServer {
  const { desk, watcher, tls, log } = parts
  const server = new grpc.Server({ 'grpc.max_concurrent_streams': 100, 'grpc.max_receive_message_length': 4 * 1024 * 1024 })
  const guarded = guard(desk.self.fleet, log)
  const handlers: AgentServiceHandlers = {
    Describe: guarded.unary(describe(desk, tls.certificate)),
    Stage: guarded.stream(stageHandler(desk)),
    Upgrade: guarded.stream(upgradeHandler(desk)),
    ScheduleReboot: guarded.unary(scheduleRebootHandler(desk)),
    CancelReboot: guarded.unary(cancelRebootHandler(desk)),
    ServiceStatus: guarded.unary(serviceStatusHandler(desk)),
    TailLog: guarded.stream(tailLogHandler(desk)),
    Health: guarded.unary(healthHandler(desk, watcher))
  }
  server.addService(AgentService.service, handlers)
  server.addService(HealthService.service, {
    // The agent serves as long as it answers; how Gitaly is, says Health of AgentService.
    Check: guarded.unary(() => Promise.resolve({ status: 'SERVING' as const })),
    Watch: guarded.stream(async (call: grpc.ServerWritableStream<unknown, { status: 'SERVING' | 'NOT_SERVING' }>, signal) => {
      call.write({ status: 'SERVING' })
      await new Promise<void>((resolve) => { signal.addEventListener('abort', () => resolve(), { once: true }) })
      call.write({ status: 'NOT_SERVING' })
    })
  })
  return {
    listen: async (address) => {
      for (const path of [tls.certificate, tls.key, tls.authority]) {
        try { readFileSync(path) } catch (error) {
          throw new Fault('CERTIFICATE_INVALID', `${path} cannot be read`, { cause: error, hint: 'pitstop pki request makes a key and a request; put the issued certificate there' })
        }
      }
      const { credentials, release } = await watchedServerCredentials(tls)
      try {
        return await new Promise((resolve, reject) => {
          server.bindAsync(address, credentials, (error, port) => {
            if (error !== null) reject(listenFault(address, error))
            else resolve(port)
          })
        })
      } finally { release() }
    },
    close: () => new Promise((resolve) => {
      guarded.endStreams()
      const force = setTimeout(() => { server.forceShutdown(); resolve() }, graceMs)
      server.tryShutdown(() => { clearTimeout(force); resolve() })
    })
  }
}
