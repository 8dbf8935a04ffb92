/**
 * Where a run ended for lack of time: "DEVICE PASS INODE", as xfs_fsr writes it, so that
 * either can go on where the other stopped.
 *
 * The file lies where everybody may write, and we are root. It is believed only if it is
 * a regular file of root's with no second name that nobody else may write. It is replaced
 * only if it holds such a line, so that no slip of a user costs him another file.
 */
import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync, writeSync, type Stats } from 'node:fs'
import { ioError, refused } from 'bootpack/engine'

export interface LeftOff {
  readonly device: string
  readonly pass: number
  /** The last inode that was looked at. */
  readonly inode: number
}

export type LeftOffFile =
  | { readonly kind: 'none' }
  | { readonly kind: 'trusted'; readonly at: LeftOff }
  | { readonly kind: 'refused'; readonly why: string }

const format = /^(\S+) (\d{1,9}) (\d{1,15})\n?$/
const longest = 1024

/** Looks at the file without following a link. */
export function readLeftOff(path: string): LeftOffFile {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { kind: 'none' }
    return { kind: 'refused', why: code === 'ELOOP' ? 'it is a symbolic link' : `it cannot be opened (${code})` }
  }
  try {
    const why = distrust(fstatSync(fd))
    if (why !== undefined) return { kind: 'refused', why }
    const buffer = Buffer.alloc(longest)
    const found = format.exec(buffer.toString('latin1', 0, readSync(fd, buffer, 0, longest, 0)))
    if (!found) return { kind: 'refused', why: 'it does not say "DEVICE PASS INODE"' }
    return { kind: 'trusted', at: { device: found[1]!, pass: Number(found[2]), inode: Number(found[3]) } }
  } finally {
    closeSync(fd)
  }
}

/** @returns why a file must not be believed, or undefined */
export function distrust(stats: Pick<Stats, 'isFile' | 'uid' | 'nlink' | 'mode'>): string | undefined {
  if (!stats.isFile()) return 'it is not a regular file'
  if (stats.uid !== 0) return `it belongs to user ${stats.uid}, not to root`
  if (stats.nlink !== 1) return `it has ${stats.nlink} names`
  if ((stats.mode & 0o022) !== 0) return 'others may write it'
  return undefined
}

/**
 * @param at undefined: everything was done, the next run begins at the beginning
 * @throws refused when something else is there, io when it cannot be written
 */
export function writeLeftOff(path: string, at: LeftOff | undefined): void {
  const there = readLeftOff(path)
  if (there.kind === 'refused') {
    throw refused('left-off', `${path} is not replaced: ${there.why}.`, 'Remove it, or name another file with -f.')
  }
  if (there.kind === 'trusted') unlinkSync(path)
  if (!at) return
  let fd: number
  try {
    // O_EXCL: if somebody was quicker with a link, this fails instead of following it.
    fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o644)
  } catch (cause) {
    throw ioError(`Where it left off cannot be written to ${path}.`, cause)
  }
  try {
    writeSync(fd, `${at.device} ${at.pass} ${at.inode}\n`)
  } finally {
    closeSync(fd)
  }
}
