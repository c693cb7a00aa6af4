// Which kernel the next boot should bring, from the names in /boot. Pure.
import { compareVersions } from './debian-version.ts'

export interface BootFile {
  readonly name: string
  readonly size: number
}

const versionOf = (prefix: string, name: string): string | undefined =>
  name.startsWith(prefix) && !/\.(?:old|bak|dpkg-\w+)$/.test(name) ? name.slice(prefix.length) : undefined

/** The newest installed kernel (GRUB's default order); undefined when /boot has none, as in containers. */
export function newestKernel(files: readonly BootFile[]): string | undefined {
  const versions = files.flatMap(({ name }) => versionOf('vmlinuz-', name) ?? [])
  return versions.sort(compareVersions).at(-1)
}

/** What is wrong with the files that the next boot needs; nothing when /boot holds no kernel at all. */
export function bootProblems(files: readonly BootFile[]): readonly string[] {
  const kernel = newestKernel(files)
  if (kernel === undefined) return []
  const problem = (name: string): readonly string[] => {
    const file = files.find((each) => each.name === name)
    return file === undefined ? [`/boot/${name} is missing`] : file.size === 0 ? [`/boot/${name} is empty`] : []
  }
  return [...problem(`vmlinuz-${kernel}`), ...problem(`initrd.img-${kernel}`)]
}
