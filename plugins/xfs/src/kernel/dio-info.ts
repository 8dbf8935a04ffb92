/**
 * XFS_IOC_DIOINFO: how memory and file positions must be aligned for O_DIRECT.
 *
 *   struct dioattr {
 *     u32 d_mem;      0x00   of the memory
 *     u32 d_miniosz;  0x04   of the position and the length
 *     u32 d_maxiosz;  0x08   the longest transfer
 *   };
 */
import { ioctl, ioRead } from 'bootpack/kernel'

const size = 0x0c
const XFS_IOC_DIOINFO = ioRead('X', 30, size)

/** All in bytes. */
export interface DirectIo {
  readonly memory: number
  readonly unit: number
  readonly longest: number
}

/** @throws KernelError */
export function xfsDirectIo(fd: number): DirectIo {
  const structure = Buffer.alloc(size)
  ioctl({ call: 'XFS_IOC_DIOINFO' }, fd, XFS_IOC_DIOINFO, structure)
  return {
    memory: structure.readUInt32LE(0x00),
    unit: structure.readUInt32LE(0x04),
    longest: structure.readUInt32LE(0x08),
  }
}
