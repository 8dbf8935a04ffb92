/**
 * statx(2) of an open descriptor, one of O_PATH included, without asking anybody but this
 * kernel: a network or FUSE filesystem answers from what is known of it already, so a
 * server that is gone cannot keep us waiting. The device is the kernel's own in any case.
 *
 *   struct statx {
 *     u32 stx_mask; u32 stx_blksize;       0x00
 *     u64 stx_attributes;                  0x08
 *     u32 stx_nlink, stx_uid, stx_gid;     0x10
 *     u16 stx_mode;                        0x1c
 *     u64 stx_ino, stx_size, stx_blocks;   0x20
 *     …                                    0x38
 *     u32 stx_rdev_major, stx_rdev_minor;  0x80
 *     u32 stx_dev_major, stx_dev_minor;    0x88
 *   };
 */
import { checked, libcFunction } from './libc.js'
import type { EntryType } from './getdents.js'
import { getU64 } from './words.js'

const call = libcFunction('int statx(int, const char *, int, unsigned int, void *)')

const AT_NO_AUTOMOUNT = 0x800
const AT_EMPTY_PATH = 0x1000
const AT_STATX_DONT_SYNC = 0x4000
const STATX_BASIC_STATS = 0x7ff

const size = 256
const typeMask = 0o170000
const types: Readonly<Record<number, EntryType>> = {
  0o010000: 'fifo',
  0o020000: 'character-device',
  0o040000: 'directory',
  0o060000: 'block-device',
  0o100000: 'regular',
  0o120000: 'symlink',
  0o140000: 'socket',
}

export interface FileStatus {
  readonly type: EntryType
  readonly inode: number
  /** 'major:minor' */
  readonly device: string
  /** The same of what a device node stands for. */
  readonly standsFor: string
  readonly uid: number
  /** Bytes. */
  readonly size: number
  /** Of 512 bytes. */
  readonly sectors: number
  /** Bytes. */
  readonly blockSize: number
}

let shared: Buffer | undefined

/** @throws KernelError */
export function statusOf(fd: number): FileStatus {
  shared ??= Buffer.alloc(size)
  const found = shared
  const flags = AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC
  checked({ call: 'statx' }, () => call(fd, '', flags, STATX_BASIC_STATS, found))
  return {
    type: types[found.readUInt16LE(0x1c) & typeMask] ?? 'unknown',
    inode: getU64(found, 0x20),
    standsFor: `${found.readUInt32LE(0x80)}:${found.readUInt32LE(0x84)}`,
    device: `${found.readUInt32LE(0x88)}:${found.readUInt32LE(0x8c)}`,
    uid: found.readUInt32LE(0x14),
    size: getU64(found, 0x28),
    sectors: getU64(found, 0x30),
    blockSize: found.readUInt32LE(0x04),
  }
}
