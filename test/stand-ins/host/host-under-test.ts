// A stand-in host that leaves no process behind, and questions to it. For tests only.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, Metadata } from '@grpc/grpc-js'
import { GitalyServerService, HealthService } from '@pitstop/proto'
import type { Test } from 'tap'
import { hostMarker } from './host-layout.ts'
import { processesMarked } from './processes.ts'
import { createHost, type Host, type HostOptions } from './stand-in-host.ts'

const tls = { certificate: '/nowhere/a.pem', key: '/nowhere/a.key', authority: '/nowhere/ca.pem' }
/** Of each process its own: files run side by side, and a port that was free may be taken by the other. */
const address = `127.${64 + (process.pid >> 16) % 64}.${(process.pid >> 8) % 256}.${process.pid % 256}`

export async function newHost(t: Test, more: Partial<HostOptions> = {}): Promise<Host> {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-host-test-'))
  const host = await createHost({
    folder, fleet: 'lab', node: 'gitaly-01.example', storages: ['default'], address, tls, coordinators: [],
    rebootMs: 150, gitalyStartMs: 150, aptMs: 100, agent: { argv: ['/bin/sleep', '1000'] }, ...more
  })
  t.teardown(async () => {
    await host.powerOff()
    const left = processesMarked(`${hostMarker}=${host.root}`)
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
    rmSync(folder, { recursive: true, force: true })
  })
  return host
}

export async function runningHost(t: Test, more: Partial<HostOptions> = {}): Promise<Host> {
  const host = await newHost(t, more)
  await host.powerOn()
  await host.whenServing()
  return host
}

export const seen = async (host: Host, event: string, times = 1): Promise<void> => {
  await host.waitFor(event, () => host.events().filter((each) => each.event === event).length >= times)
}

interface Info { storage_statuses: { storage_name: string, readable: boolean, writeable: boolean, filesystem_id: string }[] }

export async function serverInfo(host: Host, metadata = new Metadata()): Promise<Info> {
  const client = new GitalyServerService(host.gitalyAddress, credentials.createInsecure())
  try {
    return await new Promise<Info>((resolve, reject) => {
      client.ServerInfo({}, metadata, { deadline: Date.now() + 5000 }, (error, response) => {
        if (error === null && response !== undefined) resolve(response)
        else reject(error ?? new Error('no answer'))
      })
    })
  } finally {
    client.close()
  }
}

export async function health(host: Host): Promise<string> {
  const client = new HealthService(host.gitalyAddress, credentials.createInsecure())
  try {
    return await new Promise<string>((resolve) => {
      client.Check({ service: '' }, { deadline: Date.now() + 5000 }, (error, response) => { resolve(error === null ? response?.status ?? '' : error.details) })
    })
  } finally {
    client.close()
  }
}

export const messages = (host: Host): string[] => host.gitalyLog().map((line) => (line.startsWith('{') ? (JSON.parse(line) as { msg: string }).msg : line))
