// An apt repository that the lab's hosts install from: a folder of .deb files, indexed by apt-ftparchive, served over HTTP.
import { createReadStream, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { join, normalize } from 'node:path'
import { run } from './command.ts'
import { buildPackage, type LabPackage } from './packages.ts'

export interface Repository {
  /** A line of sources.list. */
  readonly source: string
  readonly publish: (...packages: readonly LabPackage[]) => Promise<void>
  /** A .deb that exists already. */
  readonly publishFile: (path: string) => Promise<void>
  /** As mirrors do with superseded versions. */
  readonly drop: (name: string, version: string) => Promise<void>
  readonly close: () => Promise<void>
}

export async function openRepository(folder: string, address: string): Promise<Repository> {
  mkdirSync(folder, { recursive: true })
  const server = createServer((request, response) => {
    const path = join(folder, normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://lab').pathname)))
    if (!path.startsWith(folder) || !existsSync(path) || !statSync(path).isFile()) { response.writeHead(404).end(); return }
    response.writeHead(200, { 'content-length': statSync(path).size, 'last-modified': statSync(path).mtime.toUTCString() })
    createReadStream(path).pipe(response)
  }).listen(0, address)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const index = async (): Promise<void> => {
    writeFileSync(join(folder, 'Packages'), await run(['sh', '-c', 'cd "$1" && apt-ftparchive packages .', 'sh', folder]))
    rmSync(join(folder, 'Release'), { force: true })
    writeFileSync(join(folder, 'Release'), await run(['apt-ftparchive', '-o', 'APT::FTPArchive::Release::Origin=Lab', '-o', 'APT::FTPArchive::Release::Label=Lab-Security',
      '-o', 'APT::FTPArchive::Release::Suite=stable-security', '-o', 'APT::FTPArchive::Release::Version=12', 'release', folder]))
  }
  await index()
  return {
    source: `deb [trusted=yes] http://${address}:${port}/ ./`,
    publish: async (...packages) => {
      for (const each of packages) await buildPackage(folder, each)
      await index()
    },
    publishFile: async (path) => {
      await run(['cp', path, folder])
      await index()
    },
    drop: async (name, version) => {
      rmSync(join(folder, `${name}_${version.replace(':', '%3a')}_all.deb`))
      await index()
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => { server.close(resolve) })
    }
  }
}
