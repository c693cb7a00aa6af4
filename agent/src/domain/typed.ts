// An argument vector as a person types it into a shell: for hints and for what pays a promise by hand. Pure.

const plain = /^[\w@%+=:,./-]+$/

export const quoted = (word: string): string => plain.test(word) ? word : `'${word.replaceAll('\'', '\'\\\'\'')}'`

export const typed = (argv: readonly string[], environment: Readonly<Record<string, string>> = {}): string => {
  const settings = Object.entries(environment).map(([key, value]) => `${key}=${quoted(value)}`)
  return [...settings.length > 0 ? ['env', ...settings] : [], ...argv.map(quoted)].join(' ')
}
