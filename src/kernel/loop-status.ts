/**
 * LOOP_GET_STATUS64: what a loop device reads, told by device and inode number and not
 * by a name that may lead elsewhere by now.
 *
 *   struct loop_info64 {        232 bytes, include/uapi/linux/loop.h
 *     u64 lo_device;            0x00   st_dev of the file behind it
 *     u64 lo_inode;             0x08
 *     u64 lo_rdevice;           0x10   st_rdev where that is a device node
 *     u64 lo_offset;            0x18   bytes left out in front
 *     u64 lo_sizelimit;         0x20   bytes; 0: to the end
 *     u32 lo_number;            0x28
 *     …
 *   };
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { tryIoctl } from './libc.js'

const LOOP_GET_STATUS64 = 0x4c05
const O_CLOEXEC = 0o2000000

export interface LoopStatus {
  /** As in stat, of what is behind it. */
  readonly device: bigint
  readonly inode: bigint
  readonly rdev: bigint
  /** Bytes. */
  readonly offset: number
}

/**
 * @param path of the device node
 * @param rdev what the node must be, as in stat
 * @returns undefined where it may not be opened, is another device or has nothing behind it
 */
export function loopStatus(path: string, rdev: bigint): LoopStatus | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | O_CLOEXEC)
  } catch {
    return undefined
  }
  try {
    const stats = fstatSync(fd, { bigint: true })
    if (!stats.isBlockDevice() || stats.rdev !== rdev) return undefined
    const info = Buffer.alloc(232)
    if (tryIoctl(fd, LOOP_GET_STATUS64, info) < 0) return undefined
    return {
      device: info.readBigUInt64LE(0x00),
      inode: info.readBigUInt64LE(0x08),
      rdev: info.readBigUInt64LE(0x10),
      offset: Number(info.readBigUInt64LE(0x18)),
    }
  } finally {
    closeSync(fd)
  }
}
