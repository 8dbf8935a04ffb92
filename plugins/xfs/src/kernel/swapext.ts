/**
 * XFS_IOC_SWAPEXT: two files of one XFS filesystem exchange their whole data forks.
 * The contents are the caller's affair: the temporary file must hold a copy already.
 *
 *   struct xfs_swapext {           of struct xfs_bstat, as far as it is looked at
 *     s64 sx_version;   0x00         u64 bs_ino;         0x00
 *     s64 sx_fdtarget;  0x08         u16 bs_mode;        0x08
 *     s64 sx_fdtmp;     0x10         s64 bs_size;        0x20
 *     s64 sx_offset;    0x18         s64 bs_mtime;       0x38   nanoseconds at 0x40
 *     s64 sx_length;    0x20         s64 bs_ctime;       0x48   nanoseconds at 0x50
 *     u8  sx_pad[16];   0x28       };                    size 0x88
 *     bstat sx_stat;    0x38
 *   };                  size 0xc0
 *
 * The layout is fs/xfs/libxfs/xfs_fs.h, on 64 bits.
 *
 * Caveats:
 * - offset must be 0 and length the size of both files;
 * - EFAULT: the files do not have the same size, or the range is not all of them;
 * - EBUSY: mtime or ctime of the target is not what `sx_stat` says: changed meanwhile;
 * - EINVAL: the target has fewer extents than the other, or, on filesystems without
 *   reverse mapping, the extents of one do not fit into the inode of the other, whose
 *   attributes leave less room.
 */
import { ioReadWrite, setU64, tryIoctl, whole } from 'bootpack/kernel'
import type { XfsInode } from './bulkstat.js'

const size = 0xc0
const statAt = 0x38
const XFS_IOC_SWAPEXT = ioReadWrite('X', 109, size)

export interface ForkSwap {
  /** Descriptor of the file whose contents stay, open read-write. */
  readonly target: number
  /** Descriptor of the temporary file, open read-write. */
  readonly temporary: number
  /** The target as it was before its contents were copied. */
  readonly before: XfsInode
}

/** @returns 0, or the errno the call ended with */
export function trySwapExtents({ target, temporary, before }: ForkSwap): number {
  const structure = Buffer.alloc(size)
  setU64(structure, 0x08, whole(target))
  setU64(structure, 0x10, whole(temporary))
  setU64(structure, 0x20, before.size)
  const stat = structure.subarray(statAt)
  setU64(stat, 0x00, before.inode)
  stat.writeUInt16LE(before.mode, 0x08)
  setU64(stat, 0x20, before.size)
  stat.writeBigInt64LE(before.mtime.seconds, 0x38)
  stat.writeInt32LE(before.mtime.nanoseconds, 0x40)
  stat.writeBigInt64LE(before.ctime.seconds, 0x48)
  stat.writeInt32LE(before.ctime.nanoseconds, 0x50)
  const result = tryIoctl(target, XFS_IOC_SWAPEXT, structure)
  return result < 0 ? -result : 0
}
