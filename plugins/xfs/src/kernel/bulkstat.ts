/**
 * XFS_IOC_BULKSTAT: what stat(2) tells and more, for many inodes at a time and in the
 * order of their numbers, without a path to any of them. Any descriptor on the
 * filesystem does; needs CAP_SYS_ADMIN.
 *
 *   struct xfs_bulk_ireq {      struct xfs_bulkstat {
 *     u64 ino;        0x00        u64 bs_ino;         0x00    u32 bs_gen;        0x40
 *     u32 flags;      0x08        u64 bs_size;        0x08    u32 bs_uid;        0x44
 *     u32 icount;     0x0c        u64 bs_blocks;      0x10    u32 bs_gid;        0x48
 *     u32 ocount;     0x10        u64 bs_xflags;      0x18    u32 bs_projectid;  0x4c
 *     u32 agno;       0x14        s64 bs_mtime;       0x28    u32 bs_mtime_nsec; 0x54
 *     u64 reserved[5];            s64 bs_ctime;       0x30    u32 bs_ctime_nsec; 0x58
 *   };  size 0x40                 u32 bs_nlink;       0x70    u32 bs_extents;    0x74
 *                                 u16 bs_forkoff;     0x7e    u16 bs_mode;       0x84
 *                               };  size 0xc0
 *
 * The layout is fs/xfs/libxfs/xfs_fs.h. Times are
 * those of the moment; size and extents are what the log has, so that a file with dirty
 * pages may still be told shorter than it is: fsync first.
 */
import { getU64, ioctl, ioRead, setU64 } from 'bootpack/kernel'

const headSize = 0x40
const recordSize = 0xc0
const XFS_IOC_BULKSTAT = ioRead('X', 127, headSize)

export interface XfsTime {
  readonly seconds: bigint
  readonly nanoseconds: number
}

export interface XfsInode {
  readonly inode: number
  readonly generation: number
  /** As in stat(2): type and permissions. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly projectId: number
  readonly links: number
  /** Bytes. */
  readonly size: number
  /** Filesystem blocks it holds. */
  readonly blocks: number
  /** Bits of FS_IOC_FSGETXATTR. */
  readonly xflags: number
  readonly mtime: XfsTime
  readonly ctime: XfsTime
  /** Extents of the data fork. */
  readonly extents: number
  /** Where in the inode the attributes begin, in bytes; 0 without attributes. */
  readonly forkOffset: number
}

const time = (record: Buffer, seconds: number, nanoseconds: number): XfsTime => ({
  seconds: record.readBigInt64LE(seconds),
  nanoseconds: record.readUInt32LE(nanoseconds),
})

/**
 * The next inodes in use.
 * @param from first inode number to look at
 * @param most how many at a time
 * @returns sorted by number; empty at the end of the filesystem
 * @throws KernelError
 */
export function xfsBulkstat(fd: number, from: number, most: number): XfsInode[] {
  const structure = Buffer.alloc(headSize + most * recordSize)
  setU64(structure, 0x00, from)
  structure.writeUInt32LE(most, 0x0c)
  ioctl({ call: 'XFS_IOC_BULKSTAT' }, fd, XFS_IOC_BULKSTAT, structure)
  const count = Math.min(structure.readUInt32LE(0x10), most)
  return Array.from({ length: count }, (_, i) =>
    decode(structure.subarray(headSize + i * recordSize, headSize + (i + 1) * recordSize)),
  )
}

/**
 * One inode as it is now.
 * @returns undefined when it is not in use
 * @throws KernelError
 */
export function xfsInode(fd: number, inode: number): XfsInode | undefined {
  const [found] = xfsBulkstat(fd, inode, 1)
  return found?.inode === inode ? found : undefined
}

function decode(record: Buffer): XfsInode {
  return {
    inode: getU64(record, 0x00),
    size: getU64(record, 0x08),
    blocks: getU64(record, 0x10),
    xflags: getU64(record, 0x18),
    mtime: time(record, 0x28, 0x54),
    ctime: time(record, 0x30, 0x58),
    generation: record.readUInt32LE(0x40),
    uid: record.readUInt32LE(0x44),
    gid: record.readUInt32LE(0x48),
    projectId: record.readUInt32LE(0x4c),
    links: record.readUInt32LE(0x70),
    extents: record.readUInt32LE(0x74),
    forkOffset: record.readUInt16LE(0x7e),
    mode: record.readUInt16LE(0x84),
  }
}
