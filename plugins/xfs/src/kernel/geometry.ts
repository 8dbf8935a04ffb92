/**
 * XFS_IOC_FSGEOMETRY: the measures of a mounted XFS filesystem. Any descriptor on it
 * does; who asks on another filesystem gets ENOTTY.
 *
 *   struct xfs_fsop_geom {
 *     u32 blocksize;   0x00      u64 datablocks;  0x20
 *     u32 agblocks;    0x08      u8  uuid[16];    0x40
 *     u32 agcount;     0x0c      u32 flags;       0x5c
 *     u32 logblocks;   0x10      …
 *     u32 sectsize;    0x14    };                 size 0x100
 *     u32 inodesize;   0x18
 *
 * The layout is fs/xfs/libxfs/xfs_fs.h.
 */
import { getU64, ioctl, ioRead } from 'bootpack/kernel'

const size = 0x100
const XFS_IOC_FSGEOMETRY = ioRead('X', 126, size)

const featureBit = { rmapbt: 1 << 19, reflink: 1 << 20, exchangeRange: 1 << 24 } as const

export interface XfsGeometry {
  /** As text, with dashes. */
  readonly uuid: string
  /** Bytes. */
  readonly blockSize: number
  /** Blocks of the data section. */
  readonly blockCount: number
  /** Blocks of an allocation group; the last one may be shorter. */
  readonly groupBlocks: number
  readonly groupCount: number
  /** Bytes. */
  readonly inodeSize: number
  /** The filesystem knows who owns each block. */
  readonly rmapbt: boolean
  /** Files can share blocks. */
  readonly reflink: boolean
  /** Parts of two files can be exchanged (XFS_IOC_EXCHANGE_RANGE and its kin). */
  readonly exchangeRange: boolean
}

/** @throws KernelError unsupported when the descriptor is not on XFS */
export function xfsGeometry(fd: number): XfsGeometry {
  const structure = Buffer.alloc(size)
  ioctl({ call: 'XFS_IOC_FSGEOMETRY' }, fd, XFS_IOC_FSGEOMETRY, structure)
  const flags = structure.readUInt32LE(0x5c)
  const hex = structure.toString('hex', 0x40, 0x50)
  return {
    uuid: [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'),
    blockSize: structure.readUInt32LE(0x00),
    blockCount: getU64(structure, 0x20),
    groupBlocks: structure.readUInt32LE(0x08),
    groupCount: structure.readUInt32LE(0x0c),
    inodeSize: structure.readUInt32LE(0x18),
    rmapbt: (flags & featureBit.rmapbt) !== 0,
    reflink: (flags & featureBit.reflink) !== 0,
    exchangeRange: (flags & featureBit.exchangeRange) !== 0,
  }
}
