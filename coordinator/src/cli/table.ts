// Columns for people: as wide as their widest cell, two spaces between, nothing after the last.

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}

/** Text cut to a width, with a sign that it was. */
export const fit = (text: string, width: number): string => (text.length <= width ? text : width < 2 ? '' : `${text.slice(0, width - 1)}…`)
