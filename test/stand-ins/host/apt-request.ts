// The command line of apt-get as far as pitstop or a person uses it; what the real one does not know is refused.

export interface AptRequest {
  verb: string
  names: string[]
  simulate: boolean
  yes: boolean
  downloadOnly: boolean
  newPackages: boolean
  fixBroken: boolean
  allowDowngrades: boolean
  allowHeld: boolean
  options: Map<string, string>
  /** Indexes of local files. */
  withSource: string[]
  /** Called just before this process kills itself for a fault. */
  cutOff: () => void
}

export const print = (line: string): void => { process.stdout.write(`${line}\n`) }

/** Ends apt-get with exit 100; each line of the text is printed as E:, unless it says N: or W: itself. */
export class AptError extends Error {}

export function parseRequest(args: readonly string[], cutOff: () => void): AptRequest {
  const request: AptRequest = {
    verb: '', names: [], simulate: false, yes: false, downloadOnly: false, newPackages: false, fixBroken: false,
    allowDowngrades: false, allowHeld: false, options: new Map(), withSource: [], cutOff
  }
  const rest = [...args]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-o' || word === '--option') setOption(request, rest.shift() ?? '')
    else if (word.startsWith('-o')) setOption(request, word.slice(2))
    else if (word === '--with-source') request.withSource.push(rest.shift() ?? '')
    else if (word === '-s' || word === '--simulate' || word === '--dry-run' || word === '--just-print') request.simulate = true
    else if (word === '-y' || word === '--yes' || word === '--assume-yes') request.yes = true
    else if (word === '-d' || word === '--download-only') request.downloadOnly = true
    else if (word === '-f' || word === '--fix-broken') request.fixBroken = true
    else if (word === '--with-new-pkgs') request.newPackages = true
    else if (word === '--allow-downgrades') request.allowDowngrades = true
    else if (word === '--allow-change-held-packages') request.allowHeld = true
    else if (/^(?:-q+|--quiet|-q=\d|--no-remove|--no-install-recommends|--only-upgrade|--no-allow-insecure-repositories|--)$/.test(word)) continue
    else if (word.startsWith('-')) throw new AptError(`Command line option ${word} is not understood in combination with the other options`)
    else if (request.verb === '') request.verb = word
    else request.names.push(word)
  }
  return request
}

function setOption(request: AptRequest, text: string): void {
  const equals = text.indexOf('=')
  if (equals < 0) throw new AptError(`Option ${text}: Configuration item specification must have an =<val>.`)
  request.options.set(text.slice(0, equals).toLowerCase(), text.slice(equals + 1))
}
