// `pitstop pki init|request|issue`: the fleet's own authority. Keys are made where they are used and never travel;
// works on files alone, without a coordinator.
import { join } from 'node:path'
import type { Command } from 'commander'
import { Fault } from '@pitstop/shared/fault'
import { type Role, roles } from '@pitstop/shared/identity'
import { groupToGive, serviceName } from '../../adapters/service-account.ts'
import type { Perform } from '../context.ts'
import { examples } from '../examples.ts'
import { wholeOf } from '../instant.ts'

interface AuthorityOptions { authorityKey: string, authorityCertificate: string }
const folder = '/etc/pitstop/pki'
const authorityOptions = (command: Command): Command => command
  .option('--authority-key <file>', 'the authority\'s private key: keep it off the hosts', join(folder, 'authority.key'))
  .option('--authority-certificate <file>', 'the authority\'s certificate', join(folder, 'authority.pem'))

function roleOf(text: string): Role {
  const role = roles.find((each) => each === text)
  if (role === undefined) throw new Fault('INVALID_INPUT', `--role must be ${roles.join(' or ')}, not "${text}"`)
  return role
}

export function pkiCommands(program: Command, perform: Perform): void {
  const pki = program.command('pki').description('the fleet\'s certificates: an authority, requests, certificates')
    .addHelpText('after', examples('pitstop pki init --fleet gprd', 'pitstop pki request --fleet gprd --role coordinator --name pitstop.internal',
      'pitstop pki issue --request pitstop.csr --role coordinator --name pitstop.internal --output pitstop.pem'))

  authorityOptions(pki.command('init').description('make the authority of a fleet; existing files are never replaced').requiredOption('--fleet <name>', 'the fleet that it will speak for: 1 to 63 of a-z, 0-9 and "-"'))
    .addHelpText('after', examples('pitstop pki init --fleet gprd', 'pitstop pki init --fleet gprd --authority-key ./authority.key --authority-certificate ./authority.pem'))
    .action(perform(async (context, command) => {
      const { fleet, authorityKey: key, authorityCertificate: certificate } = command.opts<AuthorityOptions & { fleet: string }>()
      // The X.509 library is heavy; only these verbs load it.
      const { initAuthority } = await import('../../pki/pki-files.ts')
      await initAuthority({ key, certificate }, fleet, Date.now())
      context.print({ key, certificate, fleet }, () => [`authority of fleet ${fleet}: ${certificate}`, `its key, to be kept off the hosts: ${key}`])
    }))

  pki.command('request').description('make a key and a signing request, on the host that will use them')
    .requiredOption('--fleet <name>', 'as in the configuration and the authority').requiredOption('--role <role>', 'agent or coordinator').requiredOption('--name <fqdn>', 'the node, or the coordinator\'s host')
    .option('--key <file>', 'the private key; stays here', join(folder, 'pitstop.key')).option('--request <file>', 'the signing request; goes to the authority', join(folder, 'pitstop.csr'))
    .option('--reuse-key', 'renew with the key that is there')
    .addHelpText('after', examples('pitstop pki request --fleet gprd --role agent --name gitaly-03.internal'))
    .action(perform(async (context, command) => {
      const { fleet, role, name, key, request, reuseKey } = command.opts<{ fleet: string, role: string, name: string, key: string, request: string, reuseKey?: boolean }>()
      const { requestCertificate } = await import('../../pki/pki-files.ts')
      // The agent is root; the coordinator is the service's user, which has to read its key.
      const group = roleOf(role) === 'coordinator' ? groupToGive() : undefined
      await requestCertificate({ key, request }, { fleet, role: roleOf(role), name }, reuseKey, group)
      context.print({ key, request }, () => [...group === undefined || reuseKey === true ? [] : [`key: ${key}, readable by group ${serviceName}`], `request: ${request}`, `sign it where the authority is, copied there as ${name}.csr: pitstop pki issue --request ${name}.csr --role ${role} --name ${name} --output ${name}.pem --authority-key ./authority.key --authority-certificate ./authority.pem`])
    }))

  authorityOptions(pki.command('issue').description('sign a request; role and name must be what you type here')
    .requiredOption('--request <file>', 'the signing request, as pitstop pki request wrote it').requiredOption('--role <role>', 'agent or coordinator').requiredOption('--name <fqdn>', 'the node, or the coordinator\'s host; as in the request').requiredOption('--output <file>', 'the certificate')
    .option('--days <n>', 'how long it is valid', '90'))
    .addHelpText('after', examples('pitstop pki issue --request gitaly-03.csr --role agent --name gitaly-03.internal --output gitaly-03.pem'))
    .action(perform(async (context, command) => {
      const given = command.opts<AuthorityOptions & { request: string, role: string, name: string, output: string, days: string }>()
      const { issueToFile } = await import('../../pki/pki-files.ts')
      const { request, output, name } = given
      const issued = await issueToFile({ key: given.authorityKey, certificate: given.authorityCertificate, request, output }, { role: roleOf(given.role), name }, Date.now(), wholeOf(given.days, '--days'))
      context.print({ output, identity: issued.identity, notAfter: issued.notAfter }, () => [...issued.summary, `written  ${output}`])
    }))
}
