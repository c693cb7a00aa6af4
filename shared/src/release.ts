// Which release of pitstop this is: the repository's package.json is the one place that says it. In a package its number
// is compiled in.
import manifest from '../../package.json' with { type: 'json' }

export const release: string = manifest.version
