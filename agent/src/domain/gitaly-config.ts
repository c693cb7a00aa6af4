// The one thing that pitstop wants from Gitaly's config.toml: where the storages are. Pure; never throws. Not a TOML parser:
// it knows the tables that omnibus and Gitaly's own example write. A path that it does not find is not checked.

/** path of each [[storage]]. */
export const storagePaths = (toml: string): readonly string[] => toml.split(/^(?=[ \t]*\[)/m)
  .filter((table) => /^[ \t]*\[\[[ \t]*storage[ \t]*\]\]/.test(table))
  .flatMap((table) => /^[ \t]*path[ \t]*=[ \t]*(?:"([^"\\]+)"|'([^']+)')/m.exec(table)?.slice(1, 3).find((path) => path !== undefined) ?? [])
