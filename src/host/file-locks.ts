/**
 * The kernel's list of locks, /proc/locks: a line each for record locks, locks of whole
 * files, and leases. Source of the format: proc(5), and fs/locks.c of the kernel.
 *
 *   1: POSIX  ADVISORY  WRITE 1234 08:02:131075 0 EOF
 *   2: LEASE  ACTIVE    READ  4321 08:02:131090 0 EOF
 *   2: -> POSIX  ADVISORY  WRITE 1300 08:02:131075 0 EOF      (waits for the one above)
 *
 * The device is in hexadecimal. Locks of processes that this process cannot see, those
 * outside of its container, are not listed.
 */
import { readFileSync } from 'node:fs'

export interface HeldFile {
  readonly inode: number
  /**
   * lease: opening the file waits for its holder, or fails with EWOULDBLOCK when asked not
   * to wait; any user takes one on files of his own, and file servers do on everything.
   * lock: a record lock for writing, which takes an open file to write to.
   */
  readonly kind: 'lease' | 'lock'
}

/** @param device 'major:minor' */
export const filesHeldOn = (device: string): HeldFile[] => parseLocks(readLocks(), device)

/** Lines of other devices, and those that do not have the form, are left out. */
export function parseLocks(text: string, device: string): HeldFile[] {
  const held: HeldFile[] = []
  for (const line of text.split('\n')) {
    const found = /^\d+: (\w+) +\w+ +(\w+) +-?\d+ ([\da-f]+):([\da-f]+):(\d+) /.exec(line)
    if (!found) continue
    const [, type, mode, major, minor, inode] = found
    if (`${Number.parseInt(major!, 16)}:${Number.parseInt(minor!, 16)}` !== device) continue
    if (type === 'LEASE' || type === 'DELEG') held.push({ inode: Number(inode), kind: 'lease' })
    else if ((type === 'POSIX' || type === 'OFDLCK') && mode === 'WRITE')
      held.push({ inode: Number(inode), kind: 'lock' })
  }
  return held
}

/** A kernel without file locks has no such list. */
function readLocks(): string {
  try {
    return readFileSync('/proc/locks', 'latin1')
  } catch {
    return ''
  }
}
