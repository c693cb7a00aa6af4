// `init`: writes a commented configuration, the host's own key and its signing request, and says what is left to do.
// Replaces nothing: an existing configuration is refused, an existing key is used.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asFault, chain, Fault } from '@pitstop/shared/fault'
import { isNodeName } from '@pitstop/shared/identity'
import { commandRunner } from '../adapters/run-command.ts'
import { defaultCommandPath, defaultConfigurationFile, parseSettings } from '../config.ts'
import { configurationTemplate } from '../config-template.ts'
import { typed } from '../domain/typed.ts'
import { makeKey, signingRequest } from '../pki/signing-request.ts'
import type { RunCommand } from '../ports.ts'

export interface InitOptions {
  readonly fleet: string
  readonly node?: string
  readonly coordinator: readonly string[]
  readonly gitaly: string
  readonly listen: string
  readonly tokenFile?: string
  readonly serviceManager?: string
  readonly pki: string
  readonly observe?: boolean
}

export async function init(file: string, options: InitOptions, { hostnameFile = '/etc/hostname', run = commandRunner(defaultCommandPath) }: { hostnameFile?: string, run?: RunCommand } = {}): Promise<number> {
  if (existsSync(file)) throw new Fault('INVALID_INPUT', `${file} exists already and is not replaced`, { hint: 'edit it, then: pitstop-agent doctor; or name another file with --config' })
  const node = options.node ?? await ownName(hostnameFile, run)
  const at = (name: string): string => join(options.pki, name)
  const tls = { certificate: at('pitstop.pem'), key: at('pitstop.key'), authority: at('authority.pem') }
  const text = configurationTemplate({
    fleet: options.fleet, node, listen: options.listen, coordinators: options.coordinator, tls, mode: options.observe === true ? 'observe' : 'act',
    gitaly: { address: options.gitaly, ...options.tokenFile === undefined ? {} : { tokenFile: options.tokenFile }, ...options.serviceManager === undefined ? {} : { manager: options.serviceManager } }
  })
  // All problems of what was typed, before anything is written.
  parseSettings(file, text)
  const made = !existsSync(tls.key)
  const key = made ? makeKey() : readKey(tls.key)
  const request = signingRequest({ fleet: options.fleet, role: 'agent', name: node }, key)
  written(dirname(file), () => mkdirSync(dirname(file), { recursive: true, mode: 0o755 }))
  written(options.pki, () => mkdirSync(options.pki, { recursive: true, mode: 0o700 }))
  if (made) written(tls.key, () => { writeFileSync(tls.key, key, { mode: 0o600, flag: 'wx' }) })
  written(at('pitstop.csr'), () => { writeFileSync(at('pitstop.csr'), request, { mode: 0o644 }) })
  written(file, () => { writeFileSync(file, text, { mode: 0o644, flag: 'wx' }) })
  process.stdout.write(`${[
    `written: ${file}`,
    `key (stays here${made ? '' : '; it was there already'}): ${tls.key}`,
    `signing request: ${at('pitstop.csr')}`,
    'next:',
    `  where the authority is:  copy the request there as ${node}.csr, then type:`,
    `    ${typed(['pitstop', 'pki', 'issue', '--request', `${node}.csr`, '--role', 'agent', '--name', node, '--output', `${node}.pem`, '--authority-key', './authority.key', '--authority-certificate', './authority.pem'])}`,
    `  on this host:            copy ${node}.pem to ${tls.certificate} and authority.pem to ${tls.authority}, then type:`,
    '    systemctl start pitstop-agent',
    `    ${typed(['pitstop-agent', ...file === defaultConfigurationFile ? [] : ['--config', file], 'doctor'])}`
  ].join('\n')}\n`)
  return 0
}

/** How long a resolver may keep `hostname -f` waiting. */
const hostnameDeadlineMs = 2000

const isOwnName = (name: string): boolean => isNodeName(name) && name.includes('.')

/** The file first: `hostname -f` asks the resolver, which may hang, and says whatever it likes. */
async function ownName(hostnameFile: string, run: RunCommand): Promise<string> {
  let name = ''
  try { name = readFileSync(hostnameFile, 'utf8').trim().toLowerCase() } catch { /* asked for below */ }
  if (isOwnName(name)) return name
  const asked = await run({ argv: ['hostname', '-f'], deadlineMs: hostnameDeadlineMs, graceMs: 100 }).catch(() => undefined)
  const resolved = asked?.code === 0 ? asked.stdout.trim().toLowerCase() : ''
  // What every host calls itself names none of them.
  if (isOwnName(resolved) && !resolved.startsWith('localhost.')) return resolved
  throw new Fault('INVALID_INPUT', `this host's FQDN is not known: ${hostnameFile} holds ${name === '' ? 'no name' : `"${name}"`} and hostname -f says ${resolved === '' ? 'nothing usable' : `"${resolved}"`}; short names are not unique`,
    { hint: 'name the host as the inventory does: --node gitaly-03.example.internal' })
}

function readKey(path: string): string {
  try { return readFileSync(path, 'utf8') } catch (error) { throw new Fault('INVALID_INPUT', `${path} cannot be read: ${chain(asFault(error))}`, { hint: 'run it as root: sudo pitstop-agent init …' }) }
}

function written(path: string, write: () => void): void {
  try { write() } catch (error) { throw new Fault('INVALID_INPUT', `${path} cannot be written: ${chain(asFault(error))}`, { hint: 'run it as root: sudo pitstop-agent init …' }) }
}
