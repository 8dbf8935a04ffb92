/**
 * FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR: the extended flags of an inode, its
 * extent-size hints and its project, as `xfs_io -c lsattr` and `lsproj` show them.
 *
 *   struct fsxattr {
 *     u32 fsx_xflags;      0x00
 *     u32 fsx_extsize;     0x04   bytes
 *     u32 fsx_nextents;    0x08   of the data fork, read only
 *     u32 fsx_projid;      0x0c
 *     u32 fsx_cowextsize;  0x10   bytes
 *     u8  fsx_pad[8];      0x14
 *   };                     size 0x1c
 *
 * The layout is include/uapi/linux/fs.h.
 */
import { ioctl, ioRead, ioWrite } from 'bootpack/kernel'

const size = 0x1c
const FS_IOC_FSGETXATTR = ioRead('X', 31, size)
const FS_IOC_FSSETXATTR = ioWrite('X', 32, size)

export const extendedFlag = {
  realtime: 0x1,
  preallocated: 0x2,
  immutable: 0x8,
  appendOnly: 0x10,
  extentSize: 0x800,
  noDefrag: 0x2000,
  hasAttributes: 0x8000_0000,
} as const

export interface FileAttributes {
  /** To be tested with `extendedFlag`. */
  readonly flags: number
  readonly extentSize: number
  readonly projectId: number
  readonly copyOnWriteExtentSize: number
}

/** @throws KernelError unsupported where the filesystem has no such flags */
export function fileAttributes(fd: number): FileAttributes {
  const structure = Buffer.alloc(size)
  ioctl({ call: 'FS_IOC_FSGETXATTR' }, fd, FS_IOC_FSGETXATTR, structure)
  return {
    flags: structure.readUInt32LE(0x00),
    extentSize: structure.readUInt32LE(0x04),
    projectId: structure.readUInt32LE(0x0c),
    copyOnWriteExtentSize: structure.readUInt32LE(0x10),
  }
}

/** @throws KernelError EINVAL for hints that do not fit the filesystem */
export function setFileAttributes(fd: number, attributes: FileAttributes): void {
  const structure = Buffer.alloc(size)
  structure.writeUInt32LE(attributes.flags, 0x00)
  structure.writeUInt32LE(attributes.extentSize, 0x04)
  structure.writeUInt32LE(attributes.projectId, 0x0c)
  structure.writeUInt32LE(attributes.copyOnWriteExtentSize, 0x10)
  ioctl({ call: 'FS_IOC_FSSETXATTR' }, fd, FS_IOC_FSSETXATTR, structure)
}
