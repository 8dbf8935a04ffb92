/**
 * FS_IOC_GETFLAGS: the attributes of an inode, as lsattr prints them. Declared with
 * a long in its number, but an int is what goes over. Any open descriptor of a
 * regular file or directory does (not one opened with O_PATH).
 */
import { ioctl } from './libc.js'
import { ioRead } from './ioctl-number.js'

const FS_IOC_GETFLAGS = ioRead('f', 1, 8)

/** The bits this project decides by; include/uapi/linux/fs.h and fs/ext4/ext4.h. */
export const inodeFlag = {
  immutable: 0x10,
  appendOnly: 0x20,
  encrypted: 0x800,
  /** Contents go through the journal. */
  journalData: 0x4000,
  /** Mapped by extents; without it by indirect blocks, or not at all. */
  extents: 0x80000,
  /** Sealed by fs-verity: nobody may open it for writing. */
  verity: 0x100000,
  /** Holds an extended attribute's value. */
  eaInode: 0x200000,
  /** Contents lie in the inode. */
  inlineData: 0x10000000,
} as const

/**
 * @returns the bits, to be tested with `inodeFlag`
 * @throws KernelError unsupported where the filesystem has no such attributes
 */
export function inodeFlags(fd: number): number {
  const flags = Buffer.alloc(8)
  ioctl({ call: 'FS_IOC_GETFLAGS' }, fd, FS_IOC_GETFLAGS, flags)
  return flags.readUInt32LE()
}
