// A stand-in Gitaly: `node gitaly.ts ROOT`. Really listens, really tries its storages, says and does at start and
// stop what Gitaly does, down to its habits that mislead: health is SERVING as soon as it listens, a missing data
// disk gets a new identity, TERM waits for running calls. Settings: etc/machine.json; faults: etc/faults.json.
// File descriptor 3, when there, hears one byte when it listens.
import { createServer } from 'node:http'
import { mkdirSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Metadata, type ServerWritableStream, type sendUnaryData, type ServerUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js'
import { GitalyServerService, HealthService } from '@pitstop/proto'
import { takeFault } from '../host/faults.ts'
import { readSettings } from '../host/host-layout.ts'
import { authenticate, type Refusal } from './authentication.ts'
import { createGitalyLog } from './gitaly-log.ts'
import { ensureMetadata, filesystemId, isReadable, isWriteable } from './storage.ts'
import { witness } from './witness.ts'

const root = process.argv[2] ?? ''
witness('gitaly-start')
process.on('exit', () => { witness('gitaly-down') })
const { gitaly } = readSettings(root)
const isOld = Number(gitaly.release.split('.')[0]) < 17
const log = createGitalyLog(gitaly.logLevel)
const storages = gitaly.storages.map(({ name, path }) => ({ name, folder: `${root}${path}` }))
const secret = gitaly.tokenFile === undefined ? undefined : readFileSync(gitaly.tokenFile, 'utf8').trim()

const faults = {
  slowStart: takeFault(root, 'slow-start'),
  fatal: takeFault(root, 'fatal'),
  startupError: takeFault(root, 'startup-error'),
  hangOnStop: takeFault(root, 'hang-on-stop'),
  readOnly: takeFault(root, 'read-only-storage'),
  notServing: takeFault(root, 'not-serving')
}

const counters = { started: new Map<string, number>(), handled: new Map<string, number>() }
const count = (counter: Map<string, number>, labels: string): void => { counter.set(labels, (counter.get(labels) ?? 0) + 1) }

const servingStatus = (): 'SERVING' | 'NOT_SERVING' => (faults.notServing === undefined && !stopping ? 'SERVING' : 'NOT_SERVING')
const watchers = new Set<ServerWritableStream<unknown, { status: string }>>()
let stopping = false

function die(text: string): never {
  log.plain(`unclean Gitaly shutdown: ${text}`)
  if (gitaly.wrapper) {
    log.error('waiting for supervised command', { error: 'exit status 1', wrapper: process.pid })
    log.error('wrapper for process shutting down', { wrapper: process.pid })
  }
  process.exit(1)
}

if (gitaly.wrapper) {
  log.info('Wrapper started', { wrapper: process.pid })
  log.info('finding process', { pid_file: '/var/opt/gitlab/gitaly/gitaly.pid', wrapper: process.pid })
  log.error('find process', { error: 'open /var/opt/gitlab/gitaly/gitaly.pid: no such file or directory', wrapper: process.pid })
  log.info('spawning a process', { process: process.pid, wrapper: process.pid })
  log.info('monitoring process', { process: process.pid, wrapper: process.pid })
}
log.info('maxprocs: Leaving GOMAXPROCS=2: CPU quota undefined')
log.info('Starting Gitaly', { version: gitaly.release })
log.info('finished initializing cgroups', { duration_ms: 0 })
log.info('finished unpacking auxiliary binaries', { duration_ms: 38 })
log.info('finished initializing bootstrap', { duration_ms: 1 })
log.info('finished initializing command factory', { duration_ms: 0 })
if (isOld) log.info('finished detecting git version', { duration_ms: 3 })
else {
  log.info('using Git binary', { binary_path: '/var/opt/gitlab/gitaly/run/gitaly-1/git-exec-1/git' })
  log.info('using Git version', { version: '2.50.1' })
}
await sleep(Math.max(0, gitaly.startMs + (faults.slowStart?.ms ?? 0) - performance.now()))
if (faults.fatal !== undefined) die(faults.fatal.message ?? 'unable to start the bootstrap: listen tcp: bind: address already in use')

for (const storage of storages) {
  log.info('clearing disk cache object folder', { storage: storage.name })
  try {
    mkdirSync(storage.folder, { recursive: true })
    ensureMetadata(storage)
  } catch (error) {
    log.error('Unable to write gitaly metadata file', { error: String(error), storage: storage.name })
  }
}
if (faults.startupError !== undefined) {
  log.error(faults.startupError.message ?? 'Unable to write gitaly metadata file', {
    error: faults.startupError.error ?? 'open .gitaly-metadata: read-only file system', storage: storages[0]?.name ?? ''
  })
}

type Handler = (request: unknown) => object

/** Every unary method: counted, authenticated, answered. */
function unary(service: string, method: string, handler: Handler) {
  const labels = `grpc_method="${method}",grpc_service="${service}",grpc_type="unary"`
  return (call: ServerUnaryCall<unknown, object>, reply: sendUnaryData<object>): void => {
    count(counters.started, labels)
    const refusal = refuse(call.metadata)
    count(counters.handled, `grpc_code="${codeName(refusal)}",${labels}`)
    if (refusal === undefined) reply(null, handler(call.request))
    else reply(refusal)
  }
}

const refuse = (metadata: Metadata): Refusal | undefined => (secret === undefined ? undefined : authenticate(secret, metadata, Date.now()))
const codeName = (refusal: Refusal | undefined): string => (refusal === undefined ? 'OK' : refusal.code === status.UNAUTHENTICATED ? 'Unauthenticated' : 'PermissionDenied')

const server = new Server()
server.addService(HealthService.service, {
  Check(call: ServerUnaryCall<{ service: string }, object>, reply: sendUnaryData<object>): void {
    if (call.request.service === '') unary('grpc.health.v1.Health', 'Check', () => ({ status: servingStatus() }))(call, reply)
    else reply({ code: status.NOT_FOUND, details: 'unknown service' })
  },
  // Never ends by itself, and so holds up a graceful stop for as long as somebody watches: as in Gitaly.
  Watch(call: ServerWritableStream<unknown, { status: string }>): void {
    const labels = 'grpc_method="Watch",grpc_service="grpc.health.v1.Health",grpc_type="server_stream"'
    count(counters.started, labels)
    const refusal = refuse(call.metadata)
    const handled = (): void => {
      watchers.delete(call)
      count(counters.handled, `grpc_code="Canceled",${labels}`)
    }
    if (refusal !== undefined) {
      handled()
      // Not destroy(): that would leave the caller without a status until its deadline.
      call.emit('error', refusal)
      return
    }
    watchers.add(call)
    call.write({ status: servingStatus() })
    call.on('cancelled', handled)
  }
})
server.addService(GitalyServerService.service, {
  ServerInfo: unary('gitaly.ServerService', 'ServerInfo', () => ({
    server_version: gitaly.release,
    git_version: '2.50.1',
    storage_statuses: storages.map(({ name, folder }) => ({
      storage_name: name,
      readable: isReadable(folder),
      writeable: faults.readOnly === undefined && isWriteable(folder),
      fs_type: 'EXT_2_3_4',
      filesystem_id: filesystemId(folder),
      replication_factor: 1
    }))
  }))
})

const metrics = createServer((request, response) => {
  if (request.url !== '/metrics') {
    response.writeHead(404).end()
    return
  }
  const lines = (name: string, counter: Map<string, number>): string =>
    `# TYPE ${name} counter\n${[...counter].map(([labels, value]) => `${name}{${labels}} ${value}\n`).join('')}`
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
  response.end(`${lines('grpc_server_started_total', counters.started)}${lines('grpc_server_handled_total', counters.handled)}` +
    `# TYPE gitlab_build_info gauge\ngitlab_build_info{version="${gitaly.release}"} 1\n`)
})

function serverCredentials(): ServerCredentials {
  if (gitaly.tls === undefined) return ServerCredentials.createInsecure()
  return ServerCredentials.createSsl(null, [{ cert_chain: readFileSync(gitaly.tls.certificate), private_key: readFileSync(gitaly.tls.key) }])
}

const listenFailed = (error: Error): never => die(`unable to start the bootstrap: listen tcp ${gitaly.listen}: ${error.message.includes('EADDRINUSE') ? 'bind: address already in use' : error.message}`)
await new Promise<void>((resolve) => {
  server.bindAsync(gitaly.listen, serverCredentials(), (error) => {
    if (error !== null) listenFailed(error)
    resolve()
  })
})
// Whoever reads our word for it may be late when the processors are busy.
const sinceMs = Date.now()
log.info('listening at address', { address: '/var/opt/gitlab/gitaly/gitaly.socket', schema: 'unix' })
log.info('listening at address', { address: gitaly.listen, schema: gitaly.tls === undefined ? 'tcp' : 'tls' })
log.info('listening at address', { address: '/var/opt/gitlab/gitaly/run/gitaly-1/sock.d/intern', schema: 'unix' })
const [metricsHost = '', metricsPort = '0'] = gitaly.metrics.split(':')
metrics.on('error', (error) => { log.error('Unable to serve prometheus', { error: error.message }) })
metrics.listen(Number(metricsPort), metricsHost)
log.info('starting prometheus listener', { address: gitaly.metrics })
if (!isOld) log.info('Started Gitaly', { duration_ms: Math.round(performance.now()) })
witness('gitaly-serving', { sinceMs })
try {
  writeSync(3, String(sinceMs))
} catch {
  // Started by hand, nobody listens there.
}
setTimeout(() => { log.info('License database preloaded', { duration_ms: 240 }) }, 240).unref()

process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.on('SIGHUP', stop)

function stop(signal: NodeJS.Signals): void {
  if (stopping || faults.hangOnStop !== undefined) return
  stopping = true
  witness('gitaly-stop-requested')
  const name = signal === 'SIGINT' ? 'interrupt' : signal === 'SIGHUP' ? 'hangup' : 'terminated'
  if (isOld) {
    // 16.x cuts what runs and calls even a normal stop unclean.
    server.forceShutdown()
    die(`received signal "${name}"`)
  }
  for (const watcher of watchers) watcher.write({ status: 'NOT_SERVING' })
  setTimeout(() => { die(`received signal "${name}": wait: grace period expired`) }, gitaly.gracefulMs)
  server.tryShutdown(() => {
    log.info('Gitaly shutdown')
    process.exit(0)
  })
}
