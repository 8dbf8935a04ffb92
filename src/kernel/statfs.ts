/**
 * fstatfs(2): what kind of filesystem this is and how much room it has.
 *
 *   struct statfs {        64-bit layout
 *     long f_type;    0x00      u64 f_bavail;  0x20
 *     long f_bsize;   0x08      u64 f_files;   0x28
 *     u64  f_blocks;  0x10      u64 f_ffree;   0x30
 *     u64  f_bfree;   0x18      …
 *   };
 */
import { checked, libcFunction } from './libc.js'
import { getU64 } from './words.js'

const call = libcFunction('int fstatfs(int, void *)')

/** ext2, ext3 and ext4 share it. */
export const ext4Magic = 0xef53

export interface FilesystemSpace {
  /** The kernel's magic number of the filesystem's kind. */
  readonly type: number
  /** Bytes. */
  readonly blockSize: number
  /** Blocks, without those the filesystem needs for itself. */
  readonly blocks: number
  /** Blocks free for root. */
  readonly free: number
  /** Blocks free for everyone. */
  readonly available: number
}

/** @throws KernelError */
export function filesystemSpace(fd: number): FilesystemSpace {
  const structure = Buffer.alloc(120)
  checked({ call: 'fstatfs' }, () => call(fd, structure))
  return {
    type: getU64(structure, 0x00),
    blockSize: getU64(structure, 0x08),
    blocks: getU64(structure, 0x10),
    free: getU64(structure, 0x18),
    available: getU64(structure, 0x20),
  }
}
