/**
 * Whether a file may be moved now, asked of the file itself right before: what it
 * is, its attributes, and who else is at it. The reasons are those of the contract,
 * and a few that only exist on a filesystem in use.
 */
import { closeSync, constants, fstatSync } from 'node:fs'
import { failedWith } from '../../kernel/errno.js'
import { lockHolder } from '../../kernel/getlk.js'
import { inodeFlag, inodeFlags } from '../../kernel/inode-flags.js'
import { openByInode } from '../../kernel/open-by-handle.js'
import type { StayReason } from '../../layout/reason.js'

/** A file that is not there is gone; one that may not be moved has a reason. */
export type Guarded =
  { readonly fd: number; readonly size: number; readonly inode: number } | { readonly reason: StayReason } | 'gone'

const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME | constants.O_NOFOLLOW
const writeFlags = constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOATIME | constants.O_NOFOLLOW

/**
 * Opens a file for looking at it, if it may be moved. It is not open for writing
 * yet: while it is, nobody could execute it.
 * @param root descriptor of the filesystem's root
 */
export function openGuarded(root: number, inode: number): Guarded {
  let fd: number
  try {
    fd = openByInode(root, inode, readFlags)
  } catch (error) {
    if (failedWith(error, 'ESTALE', 'ENOENT')) return 'gone'
    if (failedWith(error, 'ENOKEY')) return { reason: 'encrypted' }
    if (failedWith(error, 'ENXIO', 'ENODEV', 'ELOOP')) return { reason: 'not-regular' }
    throw error
  }
  try {
    const stats = fstatSync(fd)
    const reason = !stats.isFile()
      ? 'not-regular'
      : stats.nlink === 0
        ? 'gone'
        : (attributeReason(inodeFlags(fd)) ?? (lockHolder(fd) ? 'locked' : undefined))
    if (reason === undefined) return { fd, size: stats.size, inode }
    closeSync(fd)
    return reason === 'gone' ? 'gone' : { reason }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** The reason that an inode's attributes give, as FS_IOC_GETFLAGS returns them. */
export function attributeReason(flags: number): StayReason | undefined {
  if (flags & inodeFlag.immutable) return 'immutable'
  if (flags & inodeFlag.appendOnly) return 'append-only'
  if (flags & inodeFlag.encrypted) return 'encrypted'
  if (flags & inodeFlag.inlineData) return 'inline-data'
  if (flags & inodeFlag.eaInode) return 'shared-xattr'
  if (flags & inodeFlag.journalData) return 'journal-data'
  if (!(flags & inodeFlag.extents)) return 'indirect-mapped'
  return undefined
}

/** Opens a file for moving its blocks; close it as soon as they are moved. */
export function openForMoving(
  root: number,
  inode: number,
  swapFiles: ReadonlySet<number>,
): { readonly fd: number } | { readonly reason: StayReason } | 'gone' {
  if (swapFiles.has(inode)) return { reason: 'swap-file' }
  try {
    return { fd: openByInode(root, inode, writeFlags) }
  } catch (error) {
    if (failedWith(error, 'ETXTBSY')) return { reason: 'running' }
    if (failedWith(error, 'EPERM')) return { reason: 'immutable' }
    if (failedWith(error, 'ESTALE', 'ENOENT')) return 'gone'
    throw error
  }
}
