/**
 * The block map of ext2 and ext3: twelve block numbers in the inode, then a block
 * of numbers, a block of blocks of numbers, and one level more. Read so that such
 * files can be measured and their blocks known; never written.
 */
import { corrupt } from '../../errors.js'
import { getU32 } from '../../bytes/little-endian.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import { blockRun } from '../../layout/run.js'
import { extent, type Extent } from '../../layout/extent.js'
import type { Filesystem } from './filesystem.js'
import type { Inode } from '../format/inode.js'

const directBlocks = 12

export interface IndirectMap {
  /** Runs of the file, joined as far as they go. */
  readonly extents: readonly Extent[]
  /** Blocks that hold block numbers, each before those below it. */
  readonly mapBlocks: readonly FsBlock[]
}

/**
 * @throws corrupt when a number is outside the filesystem or a block of the map
 *         occurs twice, which bounds time and memory by the filesystem's size
 */
export async function readIndirectMap(
  filesystem: Filesystem,
  inode: Pick<Inode, 'number' | 'blockArea'>,
): Promise<IndirectMap> {
  const perBlock = filesystem.blockSize / 4
  const extents: Extent[] = []
  const mapBlocks: FsBlock[] = []
  const seen = new Set<number>()
  let start = 0
  let physical = 0
  let length = 0
  let mapped = 0
  const bad = (problem: string): never => {
    throw corrupt('block map of inode', inode.number, problem)
  }
  const close = (): void => {
    if (length > 0) extents.push(extent(start, physical, length))
    length = 0
  }
  const leaf = (logical: number, block: number): void => {
    if (block === 0) return
    if (!filesystem.inside(blockRun(block, 1)))
      bad(`file block ${logical} is at block ${block}, outside the filesystem`)
    if (++mapped > filesystem.superblock.blockCount) bad('it maps more blocks than the filesystem has')
    if (length > 0 && start + length === logical && physical + length === block) length++
    else {
      close()
      start = logical
      physical = block
      length = 1
    }
  }
  const subtree = async (block: number, level: number, logical: number): Promise<void> => {
    if (block === 0) return
    if (!filesystem.inside(blockRun(block, 1))) bad(`a map block is at block ${block}, outside the filesystem`)
    if (seen.has(block)) bad(`block ${block} is in the map twice`)
    seen.add(block)
    mapBlocks.push(fsBlock(block))
    const bytes = await filesystem.blocks.read(block)
    const below = perBlock ** (level - 1)
    if (level === 1) {
      for (let i = 0; i < perBlock; i++) leaf(logical + i, getU32(bytes, i * 4))
      return
    }
    const children = Array.from({ length: perBlock }, (_, i) => getU32(bytes, i * 4))
    await filesystem.blocks.prefetch(children.filter((child) => child !== 0 && filesystem.inside(blockRun(child, 1))))
    for (const [i, child] of children.entries()) if (child !== 0) await subtree(child, level - 1, logical + i * below)
  }

  for (let i = 0; i < directBlocks; i++) leaf(i, getU32(inode.blockArea, i * 4))
  let logical = directBlocks
  for (let level = 1; level <= 3; level++) {
    await subtree(getU32(inode.blockArea, (directBlocks + level - 1) * 4), level, logical)
    logical += perBlock ** level
  }
  close()
  return { extents, mapBlocks }
}
