// apt-cache of a stand-in host: `show NAME=VERSION...`, as far as the lists that it is told of know them.
import { stanza, visiblePackages } from './apt-lists.ts'
import { AptError, parseRequest } from './apt-request.ts'
import type { Answer } from './pid1-question.ts'

export function aptCache(root: string, args: readonly string[]): Answer {
  try {
    const request = parseRequest(args, () => undefined)
    if (request.verb !== 'show') throw new AptError(`Invalid operation ${request.verb}`)
    const known = visiblePackages(root, request)
    const found = request.names.flatMap((word) => known.filter(({ name, version }) => word === `${name}=${version}`))
    const absent = request.names.filter((word) => !found.some(({ name, version }) => word === `${name}=${version}`))
    return {
      stdout: found.map((entry) => `${stanza(entry)}\n`).join(''),
      stderr: [...absent.map((word) => `E: Version '${word.split('=')[1] ?? ''}' for '${word.split('=')[0] ?? ''}' was not found\n`), ...found.length === 0 ? ['E: No packages found\n'] : []].join(''),
      exit: absent.length > 0 ? 100 : 0
    }
  } catch (error) {
    if (!(error instanceof AptError)) throw error
    return { stdout: '', stderr: `E: ${error.message}\n`, exit: 100 }
  }
}
