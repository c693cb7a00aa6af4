// Who holds a lock: /proc/locks, read for one file. Pure. apt itself names the holder only while it waits, and not where the
// other side is dpkg; /proc/locks always knows the process.

export interface LockedFile {
  readonly inode: number
  /** "major:minor" in hexadecimal, as /proc/locks prints it. */
  readonly device: string
}

interface HeldLock extends LockedFile {
  readonly pid: number
}

// 7: POSIX  ADVISORY  WRITE 17720 00:27:10380109 0 EOF; with "->" before the type it is one that still waits.
const lockLine = /^\d+: (?:POSIX|OFDLCK|FLOCK)\s+\S+\s+WRITE\s+(-?\d+)\s+([0-9a-f]+:[0-9a-f]+):(\d+)\s/

export const parseLocks = (text: string): readonly HeldLock[] => text.split('\n').flatMap((line) => {
  const [, pid, device = '', inode] = lockLine.exec(line) ?? []
  return pid === undefined ? [] : [{ pid: Number(pid), device, inode: Number(inode) }]
})

/**
 * Processes that may hold the file's lock, the likeliest first. On some file systems (btrfs) the device of the file and that of
 * its lock differ: then the caller must see whether the process has the file open.
 */
export const holders = (locks: readonly HeldLock[], file: LockedFile): readonly { readonly pid: number, readonly sure: boolean }[] =>
  locks.filter(({ inode, pid }) => inode === file.inode && pid > 0)
    .map(({ pid, device }) => ({ pid, sure: sameDevice(device, file.device) }))
    .sort((a, b) => Number(b.sure) - Number(a.sure))

const sameDevice = (a: string, b: string): boolean => a.split(':').map((part) => Number.parseInt(part, 16)).join(':') === b.split(':').map((part) => Number.parseInt(part, 16)).join(':')

/** st_dev, split as the kernel's makedev does. */
export const deviceName = (device: number): string => {
  const value = BigInt(device)
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn)
  const minor = (value & 0xffn) | ((value >> 12n) & ~0xffn & 0xffffffffn)
  return `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}`
}

export interface LockHolder {
  readonly path: string
  readonly pid: number
  /** What runs there, as `ps` would show it; empty = it has just ended. */
  readonly program: string
}

export const heldBy = ({ path, pid, program }: LockHolder): string => `${path} is held by process ${pid}${program === '' ? '' : ` (${program})`}`
