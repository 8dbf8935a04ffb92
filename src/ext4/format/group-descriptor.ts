/**
 * A block group's descriptor: where its bitmaps and inode table are, what is free
 * in it, and checksums of all of that. 32 bytes, or 64 and more with the 64bit
 * feature, whose second half holds the high words. Source of the layout:
 * Documentation/filesystems/ext4/group_descr.rst.
 */
import { corrupt } from '../../errors.js'
import { crc16 } from '../../bytes/crc16.js'
import { crc32c, crc32cOfU32, crc32cOfZeros } from '../../bytes/crc32c.js'
import { getU16, getU32, putU16 } from '../../bytes/little-endian.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import type { Superblock } from './superblock.js'

export interface GroupDescriptor {
  readonly group: number
  readonly blockBitmap: FsBlock
  readonly inodeBitmap: FsBlock
  readonly inodeTable: FsBlock
  readonly freeBlocks: number
  readonly freeInodes: number
  readonly usedDirectories: number
  /** Inodes at the end of the table that were never used and may hold garbage. */
  readonly unusedInodes: number
  /** The inode bitmap was never written: no inode is in use. */
  readonly inodesUninitialised: boolean
  /** The block bitmap was never written: only fixed metadata is in use. */
  readonly blocksUninitialised: boolean
  /** 0 without metadata_csum. 16 or 32 bits, as many as the descriptor holds. */
  readonly blockBitmapChecksum: number
  readonly inodeBitmapChecksum: number
}

const INODE_UNINIT = 0x1
const BLOCK_UNINIT = 0x2

/**
 * @param bytes    starts at the descriptor
 * @param verified the checksum was checked before
 * @throws corrupt when the checksum does not match or a block is outside the filesystem
 */
export function decodeGroupDescriptor(
  bytes: Uint8Array,
  group: number,
  superblock: Superblock,
  verified = false,
): GroupDescriptor {
  const { checksums } = superblock
  if (!verified && checksums !== 'none' && getU16(bytes, 0x1e) !== groupDescriptorChecksum(bytes, group, superblock)) {
    throw corrupt('group descriptor', group, 'its checksum does not match')
  }
  const wide = superblock.descriptorSize >= 64
  const high16 = (at: number): number => (wide ? getU16(bytes, at) * 0x1_0000 : 0)
  const high32 = (at: number): number => (wide ? getU32(bytes, at) * 0x1_0000_0000 : 0)
  const bg_flags = getU16(bytes, 0x12)
  const descriptor = {
    group,
    blockBitmap: fsBlock(getU32(bytes, 0x0) + high32(0x20)),
    inodeBitmap: fsBlock(getU32(bytes, 0x4) + high32(0x24)),
    inodeTable: fsBlock(getU32(bytes, 0x8) + high32(0x28)),
    freeBlocks: getU16(bytes, 0xc) + high16(0x2c),
    freeInodes: getU16(bytes, 0xe) + high16(0x2e),
    usedDirectories: getU16(bytes, 0x10) + high16(0x30),
    unusedInodes: checksums === 'none' ? 0 : getU16(bytes, 0x1c) + high16(0x32),
    inodesUninitialised: checksums !== 'none' && (bg_flags & INODE_UNINIT) !== 0,
    blocksUninitialised: checksums !== 'none' && (bg_flags & BLOCK_UNINIT) !== 0,
    blockBitmapChecksum: checksums === 'crc32c' ? getU16(bytes, 0x18) + high16(0x38) : 0,
    inodeBitmapChecksum: checksums === 'crc32c' ? getU16(bytes, 0x1a) + high16(0x3a) : 0,
  }
  const tableBlocks = Math.ceil((superblock.inodesPerGroup * superblock.inodeSize) / superblock.blockSize)
  const inside = (start: number, length: number): boolean =>
    start > superblock.firstDataBlock && start + length <= superblock.blockCount
  if (!inside(descriptor.blockBitmap, 1))
    throw corrupt(
      'group descriptor',
      group,
      `its block bitmap is at block ${descriptor.blockBitmap}, outside the filesystem`,
    )
  if (!inside(descriptor.inodeBitmap, 1))
    throw corrupt(
      'group descriptor',
      group,
      `its inode bitmap is at block ${descriptor.inodeBitmap}, outside the filesystem`,
    )
  if (!inside(descriptor.inodeTable, tableBlocks))
    throw corrupt(
      'group descriptor',
      group,
      `its inode table is at block ${descriptor.inodeTable}, outside the filesystem`,
    )
  if (descriptor.freeBlocks > superblock.blocksPerGroup)
    throw corrupt(
      'group descriptor',
      group,
      `it counts ${descriptor.freeBlocks} free blocks of ${superblock.blocksPerGroup}`,
    )
  if (descriptor.unusedInodes > superblock.inodesPerGroup)
    throw corrupt(
      'group descriptor',
      group,
      `it counts ${descriptor.unusedInodes} unused inodes of ${superblock.inodesPerGroup}`,
    )
  return descriptor
}

/** 16 bits: crc16 of UUID, group and descriptor, or the low half of crc32c from the seed. */
export function groupDescriptorChecksum(bytes: Uint8Array, group: number, superblock: Superblock): number {
  const { descriptorSize } = superblock
  if (superblock.checksums === 'crc32c') {
    const before = crc32c(crc32cOfU32(superblock.checksumSeed, group), bytes, 0, 0x1e)
    return crc32c(crc32cOfZeros(before, 2), bytes, 0x20, descriptorSize) & 0xffff
  }
  const number = Uint8Array.of(group, group >>> 8, group >>> 16, group >>> 24)
  const before = crc16(crc16(crc16(0xffff, superblock.uuidBytes), number), bytes, 0, 0x1e)
  return crc16(before, bytes, 0x20, descriptorSize)
}

export interface GroupDescriptorChange {
  readonly freeBlocks?: number
  /** crc32c of the new bitmap, all 32 bits; says also that the bitmap is written now. */
  readonly blockBitmapChecksum?: number
  readonly freeInodes?: number
  readonly usedDirectories?: number
  /** crc32c of the new bitmap, all 32 bits. */
  readonly inodeBitmapChecksum?: number
}

/**
 * Changes a descriptor in place and closes it with its checksum. A new bitmap
 * checksum clears BLOCK_UNINIT: the caller writes the bitmap.
 */
export function changeGroupDescriptor(
  bytes: Uint8Array,
  group: number,
  superblock: Superblock,
  change: GroupDescriptorChange,
): void {
  const wide = superblock.descriptorSize >= 64
  const putCount = (value: number, most: number, low: number, high: number, what: string): void => {
    if (value < 0 || value > most) throw new RangeError(`${value} ${what} in group ${group}`)
    putU16(bytes, low, value & 0xffff)
    if (wide) putU16(bytes, high, value >>> 16)
    else if (value > 0xffff) throw new RangeError(`${value} ${what} do not fit the descriptor of group ${group}`)
  }
  if (change.freeBlocks !== undefined) putCount(change.freeBlocks, superblock.blocksPerGroup, 0xc, 0x2c, 'free blocks')
  if (change.freeInodes !== undefined) putCount(change.freeInodes, superblock.inodesPerGroup, 0xe, 0x2e, 'free inodes')
  if (change.usedDirectories !== undefined)
    putCount(change.usedDirectories, superblock.inodesPerGroup, 0x10, 0x30, 'directories')
  if (change.blockBitmapChecksum !== undefined) {
    putU16(bytes, 0x12, getU16(bytes, 0x12) & ~BLOCK_UNINIT)
    if (superblock.checksums === 'crc32c') {
      putU16(bytes, 0x18, change.blockBitmapChecksum & 0xffff)
      if (wide) putU16(bytes, 0x38, change.blockBitmapChecksum >>> 16)
    }
  }
  if (change.inodeBitmapChecksum !== undefined && superblock.checksums === 'crc32c') {
    putU16(bytes, 0x1a, change.inodeBitmapChecksum & 0xffff)
    if (wide) putU16(bytes, 0x3a, change.inodeBitmapChecksum >>> 16)
  }
  if (superblock.checksums !== 'none') putU16(bytes, 0x1e, groupDescriptorChecksum(bytes, group, superblock))
}
