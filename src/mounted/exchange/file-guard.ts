/**
 * Whether a file may be moved now, asked of the file itself right before: what it
 * is, its attributes, and who else is at it. The reasons are those of the contract,
 * and a few that only exist on a filesystem in use.
 */
import { closeSync, constants, fstatSync, type Stats } from 'node:fs'
import { lockHolder } from '../../kernel/getlk.js'
import { inodeFlag, inodeFlags } from '../../kernel/inode-flags.js'
import { openByInode } from '../../kernel/open-by-handle.js'
import type { StayReason } from '../../layout/reason.js'
import { troubleOf, type FileTrouble } from './file-trouble.js'

/** A file that may be moved, open for reading. */
export interface GuardedFile {
  readonly fd: number
  readonly inode: number
  /** Bytes. */
  readonly size: number
  /** Somebody may run it, and could not while it is open for writing. */
  readonly executable: boolean
}

/** Never wait for anybody, and leave no access time. */
const politely = constants.O_NONBLOCK | constants.O_NOATIME | constants.O_NOFOLLOW
const readFlags = constants.O_RDONLY | politely
const writeFlags = constants.O_RDWR | politely
const O_PATH = 0o10000000

/**
 * Opens a file for looking at it, if it may be moved. It is not open for writing
 * yet: while it is, nobody could execute it.
 * @param root   descriptor of the filesystem's root
 * @param leased inodes that are known to be leased: opening one would call the lease back
 * @throws what is not the file's own trouble, see file-trouble.ts
 */
export function openGuarded(root: number, inode: number, leased?: ReadonlySet<number>): GuardedFile | FileTrouble {
  if (leased?.has(inode)) return { reason: 'leased' }
  let fd: number | undefined
  try {
    const trouble = withPath(root, inode, (stats) => (stats.isFile() ? undefined : 'not-regular'))
    if (trouble !== undefined) return trouble === 'gone' ? trouble : { reason: trouble }
    fd = openByInode(root, inode, readFlags)
    const stats = fstatSync(fd)
    const reason = stats.isFile() ? reasonToStay(fd) : 'not-regular'
    if (reason === undefined && stats.nlink > 0)
      return { fd, inode, size: stats.size, executable: (stats.mode & 0o111) !== 0 }
    closeSync(fd)
    return stats.nlink === 0 ? 'gone' : { reason: reason! }
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    return troubleOf(error)
  }
}

/** Looks without opening: opening a device node does something to the device. */
function withPath(
  root: number,
  inode: number,
  look: (stats: Stats) => StayReason | undefined,
): StayReason | 'gone' | undefined {
  const fd = openByInode(root, inode, O_PATH)
  try {
    const stats = fstatSync(fd)
    return stats.nlink === 0 ? 'gone' : look(stats)
  } finally {
    closeSync(fd)
  }
}

const reasonToStay = (fd: number): StayReason | undefined =>
  attributeReason(inodeFlags(fd)) ?? (lockHolder(fd, 'read') ? 'locked' : undefined)

/** The reason that an inode's attributes give, as FS_IOC_GETFLAGS returns them. */
export function attributeReason(flags: number): StayReason | undefined {
  if (flags & inodeFlag.immutable) return 'immutable'
  if (flags & inodeFlag.appendOnly) return 'append-only'
  if (flags & inodeFlag.encrypted) return 'encrypted'
  if (flags & inodeFlag.verity) return 'verity'
  if (flags & inodeFlag.inlineData) return 'inline-data'
  if (flags & inodeFlag.eaInode) return 'shared-xattr'
  if (flags & inodeFlag.journalData) return 'journal-data'
  if (!(flags & inodeFlag.extents)) return 'indirect-mapped'
  return undefined
}

/**
 * Opens a file for moving its blocks; close it as soon as they are moved.
 * @throws what is not the file's own trouble
 */
export function openForMoving(
  root: number,
  inode: number,
  swapFiles: ReadonlySet<number>,
): { readonly fd: number } | FileTrouble {
  if (swapFiles.has(inode)) return { reason: 'swap-file' }
  try {
    return { fd: openByInode(root, inode, writeFlags) }
  } catch (error) {
    return troubleOf(error)
  }
}
