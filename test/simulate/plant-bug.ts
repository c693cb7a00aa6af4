// Plants one of the bugs of bugs.ts: a line of a product module is replaced while the module is loaded. Nothing on disk changes.
import { registerHooks } from 'node:module'
import { bugs } from './bugs.ts'

/** @returns to be called when everything is loaded. @throws when the bug is not known, or its line was not found exactly once. */
export function plantBug(name: string): () => void {
  const bug = bugs.find((each) => each.name === name)
  if (bug === undefined) throw new Error(`there is no bug "${name}"`)
  const found = new Map(bug.changes.map(({ file }) => [file, 0]))
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      const changes = bug.changes.filter(({ file }) => url.endsWith(`/${file}`))
      if (changes.length === 0 || loaded.source == null) return loaded
      let source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source)
      for (const { file, line, instead } of changes) {
        const parts = source.split(line)
        if (parts.length !== 2) throw new Error(`the line to plant "${name}" in is ${parts.length - 1} times in ${file}: ${line}`)
        source = parts.join(instead)
        found.set(file, (found.get(file) ?? 0) + 1)
      }
      return { ...loaded, source }
    }
  })
  return () => {
    for (const [file, times] of found) if (times === 0) throw new Error(`${file} was not loaded: the bug "${name}" is not planted`)
  }
}
