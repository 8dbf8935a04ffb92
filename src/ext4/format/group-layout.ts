/**
 * Where the format puts superblocks and group descriptors: pure arithmetic over
 * the superblock's numbers.
 *
 * Old style: a group with a superblock holds, behind it, a copy of all descriptors
 * and room for more (resize_inode). With meta_bg, the descriptors of as many groups
 * as fit one block lie in the first of these groups, with copies in the second and
 * the last. Source: Documentation/filesystems/ext4/blockgroup.rst.
 */
import type { Superblock } from './superblock.js'

export const groupStart = (superblock: Superblock, group: number): number =>
  superblock.firstDataBlock + group * superblock.blocksPerGroup

/** Blocks of a group; fewer in the last one. */
export const groupLength = (superblock: Superblock, group: number): number =>
  Math.min(superblock.blocksPerGroup, superblock.blockCount - groupStart(superblock, group))

export const groupOfBlock = (superblock: Superblock, block: number): number =>
  Math.floor((block - superblock.firstDataBlock) / superblock.blocksPerGroup)

export const groupOfInode = (superblock: Superblock, inode: number): number =>
  Math.floor((inode - 1) / superblock.inodesPerGroup)

export const inodeTableBlocks = (superblock: Superblock): number =>
  Math.ceil((superblock.inodesPerGroup * superblock.inodeSize) / superblock.blockSize)

export const descriptorsPerBlock = (superblock: Superblock): number =>
  Math.floor(superblock.blockSize / superblock.descriptorSize)

export const descriptorBlockCount = (superblock: Superblock): number =>
  Math.ceil(superblock.groupCount / descriptorsPerBlock(superblock))

function hasSuperblock(superblock: Superblock, group: number): boolean {
  const { names } = superblock.features
  if (group === 0) return true
  if (names.has('sparse_super2')) return superblock.backupGroups.includes(group)
  if (group === 1 || !names.has('sparse_super')) return true
  return isPower(group, 3) || isPower(group, 5) || isPower(group, 7)
}

function isPower(value: number, base: number): boolean {
  let power = base
  while (power < value) power *= base
  return power === value
}

/** Block of the primary copy of the nth block of descriptors. */
export function descriptorBlock(superblock: Superblock, n: number): number {
  if (n < superblock.firstMetaGroup) return superblock.firstDataBlock + 1 + n
  const group = n * descriptorsPerBlock(superblock)
  return groupStart(superblock, group) + (hasSuperblock(superblock, group) ? 1 : 0)
}

export interface GroupHead {
  /** 0 or 1 blocks. */
  readonly superblock: number
  /** Blocks of group descriptors behind it, primary or copy. */
  readonly descriptors: number
  /** Blocks kept for more descriptors behind those. */
  readonly reserved: number
}

/** What lies at the very start of a group. */
export function groupHead(superblock: Superblock, group: number): GroupHead {
  const own = hasSuperblock(superblock, group) ? 1 : 0
  const perBlock = descriptorsPerBlock(superblock)
  if (Math.floor(group / perBlock) < superblock.firstMetaGroup) {
    return own === 0
      ? { superblock: 0, descriptors: 0, reserved: 0 }
      : { superblock: 1, descriptors: superblock.firstMetaGroup, reserved: superblock.reservedDescriptorBlocks }
  }
  const place = group % perBlock
  return { superblock: own, descriptors: place === 0 || place === 1 || place === perBlock - 1 ? 1 : 0, reserved: 0 }
}
