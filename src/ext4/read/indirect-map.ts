/**
 * A whole block map of ext2 and ext3 (format/block-map.ts), with every check a hostile
 * image calls for.
 */
import { corrupt } from '../../errors.js'
import { fileBlock, fsBlock, type FsBlock } from '../../layout/block.js'
import { blockRun } from '../../layout/run.js'
import { extent, type Extent } from '../../layout/extent.js'
import type { Filesystem } from './filesystem.js'
import {
  deepestMap,
  directBlocks,
  firstBelowRoot,
  getNumber,
  numbersPerBlock,
  type MapPosition,
} from '../format/block-map.js'
import type { Inode } from '../format/inode.js'

/** A block that holds block numbers. */
export interface MapBlock extends MapPosition {
  readonly block: FsBlock
}

export interface IndirectMap {
  /** Runs of the file, joined as far as they go. */
  readonly extents: readonly Extent[]
  /** Each before those below it, in the order of the file otherwise. */
  readonly mapBlocks: readonly MapBlock[]
}

/** Files have no more blocks than that, whatever their map could hold. */
const mostFileBlocks = 2 ** 32

type Mapped = Pick<Inode, 'number' | 'blockArea'>

/** Joins the numbers of a map, taken in the order of the file, into runs. */
class RunsOfMap {
  readonly extents: Extent[] = []
  private start = 0
  private physical = 0
  private length = 0
  private mapped = 0

  private readonly filesystem: Filesystem
  private readonly inode: Mapped

  constructor(filesystem: Filesystem, inode: Mapped) {
    this.filesystem = filesystem
    this.inode = inode
  }

  take(logical: number, block: number): void {
    if (block === 0) return
    const { filesystem, inode } = this
    if (!filesystem.inside(blockRun(block, 1)))
      throw badMap(inode, `file block ${logical} is at block ${block}, outside the filesystem`)
    if (logical >= mostFileBlocks) throw badMap(inode, `file block ${logical} is behind the end of any file`)
    if (++this.mapped > filesystem.superblock.blockCount)
      throw badMap(inode, 'it maps more blocks than the filesystem has')
    if (this.length > 0 && this.start + this.length === logical && this.physical + this.length === block) this.length++
    else {
      this.close()
      this.start = logical
      this.physical = block
      this.length = 1
    }
  }

  close(): readonly Extent[] {
    if (this.length > 0) this.extents.push(extent(this.start, this.physical, this.length))
    this.length = 0
    return this.extents
  }
}

const badMap = (inode: Mapped, problem: string): Error => corrupt('block map of inode', inode.number, problem)

/** Number of the map block that the inode itself names for a level; 0 for none. */
const rootOf = ({ blockArea }: Mapped, level: number): number => getNumber(blockArea, directBlocks + level - 1)

/**
 * A map that is all in the inode, as that of every small file; without a promise, for
 * scans of many inodes.
 * @returns undefined when there are map blocks
 * @throws corrupt as {@link readIndirectMap}
 */
export function readSmallIndirectMap(filesystem: Filesystem, inode: Mapped): readonly Extent[] | undefined {
  for (let level = 1; level <= deepestMap; level++) if (rootOf(inode, level) !== 0) return undefined
  const runs = new RunsOfMap(filesystem, inode)
  for (let i = 0; i < directBlocks; i++) runs.take(i, getNumber(inode.blockArea, i))
  return runs.close()
}

/** Map blocks the inode names, unchecked; to bring them in before reading many maps. */
export function rootMapBlocks(inode: Mapped): readonly FsBlock[] {
  const found: FsBlock[] = []
  for (let level = 1; level <= deepestMap; level++) {
    const block = rootOf(inode, level)
    if (block !== 0) found.push(fsBlock(block))
  }
  return found
}

/**
 * @throws corrupt when a number is outside the filesystem or a block of the map
 *         occurs twice, which bounds time and memory by the filesystem's size
 */
export async function readIndirectMap(filesystem: Filesystem, inode: Mapped): Promise<IndirectMap> {
  const { blockSize } = filesystem
  const perBlock = numbersPerBlock(blockSize)
  const runs = new RunsOfMap(filesystem, inode)
  const mapBlocks: MapBlock[] = []
  const seen = new Set<number>()
  const inside = (block: number): boolean => filesystem.inside(blockRun(block, 1))

  const subtree = async (block: number, level: number, logical: number): Promise<void> => {
    if (block === 0) return
    if (!inside(block)) throw badMap(inode, `a map block is at block ${block}, outside the filesystem`)
    if (seen.has(block)) throw badMap(inode, `block ${block} is in the map twice`)
    seen.add(block)
    mapBlocks.push({ block: fsBlock(block), level, logical: fileBlock(logical) })
    const bytes = await filesystem.blocks.read(block)
    const numbers = Array.from({ length: perBlock }, (_, i) => getNumber(bytes, i))
    if (level === 1) {
      for (const [i, number] of numbers.entries()) runs.take(logical + i, number)
      return
    }
    await filesystem.blocks.prefetch(numbers.filter((number) => number !== 0 && inside(number)))
    const below = perBlock ** (level - 1)
    for (const [i, child] of numbers.entries()) if (child !== 0) await subtree(child, level - 1, logical + i * below)
  }

  for (let i = 0; i < directBlocks; i++) runs.take(i, getNumber(inode.blockArea, i))
  for (let level = 1; level <= deepestMap; level++)
    await subtree(rootOf(inode, level), level, firstBelowRoot(level, blockSize))
  return { extents: runs.close(), mapBlocks }
}
