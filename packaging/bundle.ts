// Turns an entry of the source into one self-contained file: nothing of it is loaded later, so a file replaced on disk
// cannot break a process that runs. What is loaded on demand in the source is inlined and only evaluated on demand.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'

export const repository = new URL('../', import.meta.url).pathname

export interface Bundle {
  /** Path from the repository's root. */
  readonly entry: string
  /** Name beside the runtime, without extension. */
  readonly name: string
}

/** CommonJS dependencies call require(); an ES module has none by itself. */
const requireForDependencies = 'import{createRequire as pitstopCreateRequire}from"node:module";const require=pitstopCreateRequire(import.meta.url);'

/**
 * Writes NAME.mjs for each entry.
 * @param external packages that stay outside; each is bundled by itself as `<package>.mjs` beside them.
 * @returns the folders of the packages whose code went in.
 */
export async function bundle(bundles: readonly Bundle[], outputDirectory: string, version: string, external: readonly string[] = []): Promise<readonly string[]> {
  const packages = new Set<string>()
  const all = [...bundles.map(({ entry, name }) => ({ entry: join(repository, entry), name })), ...external.map((name) => ({ entry: name, name }))]
  for (const { entry, name } of all) {
    const { metafile } = await build({
      ...entry === name
        ? { stdin: { contents: `export { default } from '${name}'`, resolveDir: join(repository, 'agent') } }
        : { entryPoints: [entry] },
      outfile: join(outputDirectory, `${name}.mjs`),
      bundle: true, platform: 'node', target: 'node26', format: 'esm', splitting: false,
      // Names stay: a stack trace of a host must be readable.
      minifyWhitespace: true, minifySyntax: true,
      legalComments: 'none', metafile: true, logLevel: 'error', absWorkingDir: repository,
      banner: { js: requireForDependencies },
      plugins: [releaseAs(version), builtinsOnDemand, besideIt(external.filter((each) => each !== name))]
    })
    for (const path of Object.keys(metafile.inputs)) {
      const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]
      if (folder !== undefined) packages.add(join(repository, folder))
    }
  }
  return [...packages].sort()
}

/** The one place that says which release this is: the repository's package.json, of which only the version goes in. */
const releaseAs = (version: string): Plugin => ({
  name: 'release',
  setup: ({ onLoad }) => {
    onLoad({ filter: /^.*\/package\.json$/ }, ({ path }) => path === join(repository, 'package.json') ? { contents: JSON.stringify({ version }), loader: 'json' } : null)
  }
})

/**
 * An ES import of a built-in module reads every property of it, also those that load their part of Node when they are first
 * read: node:http brings undici, node:crypto the web cryptography. Required, they stay away: 4 MB of private memory.
 */
const builtinsOnDemand: Plugin = {
  name: 'builtins-on-demand',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:/ }, ({ path, namespace }) => namespace === 'builtin' ? { path, external: true } : { path, namespace: 'builtin' })
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: `module.exports = require('${path}')`, loader: 'js' }))
  }
}

const besideIt = (names: readonly string[]): Plugin => ({
  name: 'beside-it',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^[a-z]/ }, ({ path }) => names.includes(path) ? { path: `./${path}.mjs`, external: true } : null)
  }
})

export const repositoryVersion = (): string => (JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string }).version
