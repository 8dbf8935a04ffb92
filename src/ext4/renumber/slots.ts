/** The inode tables as a planner sees them: which slots can be had, and what reading one costs. */
import { hasBit } from '../../bytes/bitset.js'
import { fsBlock } from '../../layout/block.js'
import { blockRun } from '../../layout/run.js'
import { slotState, type InodePlace, type InodeTable, type InodeTableShape } from '../../volume/capabilities.js'
import type { Filesystem } from '../read/filesystem.js'
import { groupOfInode, inodeTableBlocks } from '../format/group-layout.js'
import { isSystemInode } from '../ownership/immovable.js'
import { decodeInode, type Inode } from '../format/inode.js'
import type { Superblock } from '../format/superblock.js'
import { numberReason, refuseRenumbering } from './eligible.js'

/** Blocks the kernel reads together: the default of inode_readahead_blks. */
const readAheadBlocks = 32

export const inodeTableShape = (superblock: Superblock): InodeTableShape => ({
  inodeCount: superblock.inodeCount,
  inodesPerGroup: superblock.inodesPerGroup,
  inodesPerBlock: Math.floor(superblock.blockSize / superblock.inodeSize),
  groupsPerFlex: superblock.groupsPerFlex,
})

/**
 * The slots of a group's table, as far as the kernel ever used it: what lies behind may
 * be garbage.
 * @param mostBlocks see numberReason
 * @throws corrupt when an inode, its map or its attributes are damaged; unsupported when
 *         no inode may have another number
 */
export async function inodeTable(filesystem: Filesystem, group: number, mostBlocks: number): Promise<InodeTable> {
  const { superblock } = filesystem
  refuseRenumbering(superblock)
  const { inodesPerGroup, inodeSize } = superblock
  const descriptor = filesystem.groups.get(group)
  const firstInode = group * inodesPerGroup + 1
  const used = descriptor.inodesUninitialised ? 0 : inodesPerGroup - descriptor.unusedInodes
  const states = new Uint8Array(used)
  const table = { firstInode, start: descriptor.inodeTable, states }
  if (used === 0) return table
  const bits = await filesystem.inodeBitmap(group)
  const bytes = await filesystem.blocks.readRun(
    descriptor.inodeTable,
    Math.ceil((used * inodeSize) / filesystem.blockSize),
  )
  const inodes: Inode[] = []
  for (let slot = 0; slot < used; slot++) {
    const number = firstInode + slot
    if (number <= superblock.firstInode || isSystemInode(number, superblock)) states[slot] = slotState.fixed
    else if (hasBit(bits, slot))
      inodes.push(decodeInode(bytes.subarray(slot * inodeSize, (slot + 1) * inodeSize), number, superblock))
  }
  for (let from = 0; from < inodes.length; from += 1024) {
    const some = inodes.slice(from, from + 1024)
    await filesystem.blocks.prefetch(
      some.flatMap(({ xattrBlock }) =>
        xattrBlock !== 0 && filesystem.inside(blockRun(xattrBlock, 1)) ? [xattrBlock] : [],
      ),
    )
    for (const inode of some) {
      states[inode.number - firstInode] =
        (await numberReason(filesystem, inode, mostBlocks)) === undefined ? slotState.movable : slotState.fixed
    }
  }
  return table
}

/**
 * What the kernel reads of a table to load an inode: a stretch that begins at an aligned
 * block or with the table, and one block more than it is long (__ext4_get_inode_loc).
 */
export function inodePlace(filesystem: Filesystem, inode: number): InodePlace {
  const { superblock } = filesystem
  const { block } = filesystem.inodeHome(inode)
  const { inodeTable: start, unusedInodes } = filesystem.groups.get(groupOfInode(superblock, inode))
  const first = Math.max(start, Math.floor(block / readAheadBlocks) * readAheadBlocks)
  const used =
    start + Math.floor(((superblock.inodesPerGroup - unusedInodes) * superblock.inodeSize) / superblock.blockSize)
  const end = Math.min(Math.min(first + readAheadBlocks, used) + 1, start + inodeTableBlocks(superblock))
  return { block: fsBlock(block), read: blockRun(first, Math.max(end, block + 1) - first) }
}
