/**
 * What Eric Sandeen's mail of 2008 has fsr look at before it touches a file, in its
 * order: mandatory locks, room for a copy, inode attributes. The layout comes after.
 */
import { lockHolder } from 'bootpack/kernel'
import type { XfsInode } from '../kernel/bulkstat.js'
import { extendedFlag, fileAttributes, type FileAttributes } from '../kernel/fsxattr.js'
import { regular, typeMask, type XfsFilesystem } from '../filesystem/xfs-filesystem.js'
import { Leave } from './outcome.js'

const S_ISGID = 0o2000
const S_IXGRP = 0o0010
/** Bytes left for the filesystem's own needs while a copy exists. */
const spare = 1 << 20

/**
 * @param fd open for reading at least
 * @throws Leave with the first reason to let it be
 */
export function checkFile(filesystem: XfsFilesystem, fd: number, inode: XfsInode): FileAttributes {
  if ((inode.mode & typeMask) !== regular) throw new Leave('skipped', 'not-regular', 'is not a regular file')
  if (inode.size === 0) throw new Leave('skipped', 'empty', 'is empty')
  // Set-group-id without group execution is the mark of mandatory locking: reading could wait forever.
  if ((inode.mode & S_ISGID) !== 0 && (inode.mode & S_IXGRP) === 0) {
    const holder = lockHolder(fd)
    if (holder)
      throw new Leave(
        'skipped',
        'mandatory-lock',
        `has a mandatory lock, held by ${holder.pid < 0 ? 'an open file' : `process ${holder.pid}`}`,
      )
  }
  const needed = inode.blocks * filesystem.geometry.blockSize
  const free = filesystem.freeBytes()
  if (needed + spare > free) throw new Leave('skipped', 'no-room', `a copy takes ${needed} bytes and ${free} are free`)
  const attributes = fileAttributes(fd)
  const has = (flag: number): boolean => (attributes.flags & flag) !== 0
  if (has(extendedFlag.immutable)) throw new Leave('skipped', 'immutable', 'is immutable (chattr +i)')
  if (has(extendedFlag.appendOnly)) throw new Leave('skipped', 'append-only', 'is append-only (chattr +a)')
  if (has(extendedFlag.noDefrag))
    throw new Leave('skipped', 'no-defrag', 'is marked as not to be defragmented (xfs_io chattr +f)')
  if (has(extendedFlag.realtime)) throw new Leave('skipped', 'realtime', 'lies on the realtime device')
  return attributes
}
