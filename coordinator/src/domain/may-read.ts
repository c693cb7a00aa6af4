// What a user may do with a file, by its mode bits alone, as the kernel judges: the first class that fits decides, also
// when a later one would allow more. Pure; access lists are not known here.

export interface Account { readonly uid: number, readonly gids: readonly number[] }
export interface Owned { readonly uid: number, readonly gid: number, readonly mode: number }

function bits({ uid, gids }: Account, file: Owned): number {
  const shift = file.uid === uid ? 6 : gids.includes(file.gid) ? 3 : 0
  return (file.mode >> shift) & 0o7
}

export const mayRead = (account: Account, file: Owned): boolean => account.uid === 0 || (bits(account, file) & 0o4) !== 0

/** A folder on the way to a file must be passable; it need not be listed. */
export const mayPass = (account: Account, folder: Owned): boolean => account.uid === 0 || (bits(account, folder) & 0o1) !== 0
