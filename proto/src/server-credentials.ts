// Mutual TLS for a gRPC server from files that are read again when they change: a renewed certificate needs no restart.
import * as grpc from '@grpc/grpc-js'

export interface TlsFiles {
  /** Paths of PEM files. */
  readonly certificate: string
  readonly key: string
  readonly authority: string
}

const refreshMs = 5000
const loadDeadlineMs = 5000

/**
 * Resolves once the files are loaded: listening before that would cut off the first callers, and their next try comes a
 * second later. Call `release` once the server is bound to them.
 * @throws Error when they do not become usable.
 */
export function watchedServerCredentials(tls: TlsFiles): Promise<{ readonly credentials: grpc.ServerCredentials, readonly release: () => void }> {
  const files = new grpc.experimental.FileWatcherCertificateProvider({ certificateFile: tls.certificate, privateKeyFile: tls.key, caCertificateFile: tls.authority, refreshIntervalMs: refreshMs })
  const credentials = grpc.experimental.createCertificateProviderServerCredentials(files, files, true)
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      credentials._removeWatcher(watcher)
      reject(new Error(`${tls.certificate}, ${tls.key} and ${tls.authority} could not be loaded`))
    }, loadDeadlineMs)
    const watcher = (context: unknown): void => {
      if (context === null) return
      clearTimeout(late)
      resolve({ credentials, release: () => { credentials._removeWatcher(watcher) } })
    }
    credentials._addWatcher(watcher)
  })
}
