/**
 * XFS_IOC_GETBMAPX: the extents of a file or directory on XFS, in units of 512 bytes.
 *
 *   struct getbmapx {            the first one asks, the others answer
 *     s64 bmv_offset;   0x00
 *     s64 bmv_block;    0x08     -1 hole, -2 delayed allocation
 *     s64 bmv_length;   0x10     of the first: -1 to the end
 *     s32 bmv_count;    0x18     of the first: how many there are, itself included
 *     s32 bmv_entries;  0x1c     of the first: how many were filled in
 *     s32 bmv_iflags;   0x20
 *     s32 bmv_oflags;   0x24
 *   };                           size 0x30
 *
 * The layout is fs/xfs/libxfs/xfs_fs.h. The number is built from the size of the older
 * struct getbmap. The kernel allocates what is delayed first, but leaves pages dirty that
 * already have an unwritten block: those are written out here, or they would be told as
 * zeros.
 */
import { ioError } from 'bootpack/engine'
import { ioctl, ioReadWrite } from 'bootpack/kernel'
import { writeDirtyPages } from './sync-file-range.js'

const recordSize = 0x30
const XFS_IOC_GETBMAPX = ioReadWrite('X', 56, 0x20)

const BMV_IF_PREALLOC = 0x4
const BMV_IF_NO_HOLES = 0x10
const outFlag = { prealloc: 0x1, delayed: 0x2, last: 0x4, shared: 0x8 } as const
const basic = 512
const batch = 1024

/** A piece of a file, in bytes; holes are left out. */
export interface XfsExtent {
  readonly logical: number
  readonly physical: number
  readonly length: number
  /** Allocated, reads as zeros. */
  readonly unwritten: boolean
  /** Another file has these blocks too. */
  readonly shared: boolean
}

/**
 * Sorted by logical position, what is preallocated past the end of the file included.
 * @throws KernelError unsupported where the descriptor is not on XFS
 */
export function xfsExtents(fd: number): XfsExtent[] {
  writeDirtyPages(fd)
  const structure = Buffer.alloc((batch + 1) * recordSize)
  const extents: XfsExtent[] = []
  structure.writeBigInt64LE(-1n, 0x10)
  structure.writeInt32LE(batch + 1, 0x18)
  structure.writeInt32LE(BMV_IF_PREALLOC | BMV_IF_NO_HOLES, 0x20)
  for (;;) {
    // The kernel moves offset and length of the first record on to where it stopped.
    ioctl({ call: 'XFS_IOC_GETBMAPX' }, fd, XFS_IOC_GETBMAPX, structure)
    const count = structure.readInt32LE(0x1c)
    for (let i = 1; i <= count; i++) {
      const at = i * recordSize
      const [offset, block, length] = [0x00, 0x08, 0x10].map(
        (field) => Number(structure.readBigInt64LE(at + field)) * basic,
      ) as [number, number, number]
      const flags = structure.readInt32LE(at + 0x24)
      const last = extents.at(-1)
      if (last && offset < last.logical + last.length)
        throw ioError('XFS_IOC_GETBMAPX: the file was changed while it was mapped')
      if (block >= 0 && (flags & outFlag.delayed) === 0) {
        extents.push({
          logical: offset,
          physical: block,
          length,
          unwritten: (flags & outFlag.prealloc) !== 0,
          shared: (flags & outFlag.shared) !== 0,
        })
      }
      if ((flags & outFlag.last) !== 0) return extents
    }
    if (count < batch) return extents
  }
}
