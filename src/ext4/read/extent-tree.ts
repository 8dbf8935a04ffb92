/**
 * A file's whole extent tree: reading one of any depth with every check a hostile
 * image calls for, and building the most compact one over given extents.
 *
 * What a read tree fulfils: nodes one level down have one depth less, begin where
 * their index entry says or later and end before the next one begins; leaves go
 * through the file in order; no block is a tree block twice; every block lies
 * inside the filesystem; no more blocks are mapped than the filesystem has. With
 * these, time and memory are bounded by the size of the filesystem.
 */
import { corrupt } from '../../errors.js'
import { fileBlock, type FsBlock } from '../../layout/block.js'
import { extent, mergeExtents, type Extent } from '../../layout/extent.js'
import { blockRun } from '../../layout/run.js'
import { treeBlocksOver, type TreeShape } from '../../layout/tree-size.js'
import {
  decodeExtentNode,
  encodeExtentNode,
  entriesPerNode,
  longestExtent,
  longestUnwrittenExtent,
  sealExtentBlock,
  verifyExtentBlock,
  type ExtentNode,
  type IndexEntry,
} from '../format/extent-node.js'
import type { Filesystem } from './filesystem.js'
import { blockAreaSize, inodeSeed, type Inode } from '../format/inode.js'

/** Header, extent and index entries are 12 bytes each; the inode holds a header and 4 entries. */
export const treeShape = (blockSize: number): TreeShape => ({
  rootEntries: entriesPerNode(blockAreaSize),
  entriesPerBlock: entriesPerNode(blockSize),
  longestExtent,
})

/** Blocks outside the inode that the most compact tree over `extentCount` extents has. */
export const treeBlocksNeeded = (extentCount: number, blockSize: number): number =>
  treeBlocksOver(extentCount, treeShape(blockSize))

export interface ExtentTree {
  /** As stored, neighbours not joined. */
  readonly extents: readonly Extent[]
  /** Blocks of the tree outside the inode, each before those below it. */
  readonly treeBlocks: readonly FsBlock[]
}

type Rooted = Pick<Inode, 'number' | 'generation' | 'blockArea'>

/**
 * A tree that is all in the inode, as nearly every tree is; without a promise, for
 * scans of many inodes.
 * @returns undefined when there are tree blocks
 * @throws corrupt as {@link readExtentTree}
 */
export function readSmallExtentTree(filesystem: Filesystem, inode: Rooted): readonly Extent[] | undefined {
  const root = decodeExtentNode(inode.blockArea, { inode: inode.number, block: 0 })
  if (!('extents' in root)) return undefined
  for (const found of root.extents) checkPlace(filesystem, inode, found)
  return root.extents
}

/** Blocks the root points to, unchecked; to bring them in before reading many trees. */
export function childrenOfRoot(inode: Rooted): readonly FsBlock[] {
  const root = decodeExtentNode(inode.blockArea, { inode: inode.number, block: 0 })
  return 'extents' in root ? [] : root.children.map(({ child }) => child)
}

function checkPlace(filesystem: Filesystem, { number }: Rooted, { logical, physical, length }: Extent): void {
  if (filesystem.inside(blockRun(physical, length))) return
  throw corrupt(
    'extent tree of inode',
    number,
    `file block ${logical} is at block ${physical}, ${length} long, outside the filesystem`,
  )
}

/**
 * @throws corrupt "extent tree of inode N" for any breach of the invariants above
 */
export async function readExtentTree(filesystem: Filesystem, inode: Rooted): Promise<ExtentTree> {
  const root = decodeExtentNode(inode.blockArea, { inode: inode.number, block: 0 })
  const extents: Extent[] = []
  const treeBlocks: FsBlock[] = []
  const seen = new Set<number>()
  const checked = filesystem.superblock.checksums === 'crc32c'
  const seed = checked ? inodeSeed(filesystem.superblock, inode.number, inode.generation) : 0
  let mapped = 0
  const bad = (problem: string): never => {
    throw corrupt('extent tree of inode', inode.number, problem)
  }

  const takeLeaf = (leaf: readonly Extent[], from: number, to: number): void => {
    for (const found of leaf) {
      if (found.logical < from || found.logical + found.length > to)
        bad(`file block ${found.logical} is mapped outside the range of its node`)
      checkPlace(filesystem, inode, found)
      mapped += found.length
      if (mapped > filesystem.superblock.blockCount) bad('it maps more blocks than the filesystem has')
      extents.push(found)
    }
  }
  const everything = 0x1_0000_0000
  if ('extents' in root) {
    takeLeaf(root.extents, 0, everything)
    return { extents, treeBlocks }
  }

  /** Takes over a node whose file blocks must lie in [from, to). */
  const visit = async (node: ExtentNode, from: number, to: number): Promise<void> => {
    if ('extents' in node) return takeLeaf(node.extents, from, to)
    for (const { logical, child } of node.children) {
      if (logical < from || logical >= to)
        bad(`the node at block ${child} begins at file block ${logical}, outside the range of its parent`)
      if (!filesystem.inside(blockRun(child, 1))) bad(`a node is at block ${child}, outside the filesystem`)
      if (seen.has(child)) bad(`block ${child} is in the tree twice`)
      seen.add(child)
    }
    if (node.children.length > 1) await filesystem.blocks.prefetch(node.children.map(({ child }) => child))
    for (const [index, { logical, child }] of node.children.entries()) {
      const place = { inode: inode.number, block: child }
      const bytes = await filesystem.blocks.read(child)
      const below = decodeExtentNode(bytes, place, node.depth - 1)
      if (checked) verifyExtentBlock(bytes, seed, place)
      treeBlocks.push(child)
      await visit(below, logical, node.children[index + 1]?.logical ?? to)
    }
  }

  await visit(root, 0, everything)
  return { extents, treeBlocks }
}

export interface BuiltTree {
  /** i_block of the inode, 60 bytes. */
  readonly root: Uint8Array
  /** Contents of the tree blocks, in the order of the addresses given. */
  readonly blocks: readonly { readonly block: FsBlock; readonly bytes: Uint8Array }[]
}

/**
 * The tree with the fewest blocks over `extents`: every node but the last of its
 * level is full.
 * @param extents    storable ones, see {@link storableExtents}, sorted by file block
 * @param treeBlocks where its blocks go, each before those below it; exactly
 *                   treeBlocksNeeded(extents.length, blockSize) of them
 * @param seed       the inode's checksum seed; undefined without metadata_csum
 * @throws RangeError when the count of addresses is another
 */
export function buildExtentTree(
  extents: readonly Extent[],
  blockSize: number,
  treeBlocks: readonly FsBlock[],
  seed?: number,
): BuiltTree {
  const room = entriesPerNode(blockSize)
  const root = new Uint8Array(blockAreaSize)
  const blocks: { block: FsBlock; bytes: Uint8Array }[] = []
  // Nodes per level, from the leaves up to the level the root points at.
  const counts: number[] = []
  for (let level = extents.length; level > entriesPerNode(blockAreaSize);) {
    level = Math.ceil(level / room)
    counts.push(level)
  }
  const needed = counts.reduce((sum, count) => sum + count, 0)
  if (needed !== treeBlocks.length)
    throw new RangeError(`a tree over ${extents.length} extents takes ${needed} blocks, not ${treeBlocks.length}`)

  /** First file block below the nth node of a level. */
  const firstBelow = (level: number, n: number): number => extents[n * room ** (level + 1)]!.logical
  let next = 0
  const place = (level: number, n: number): FsBlock => {
    const block = treeBlocks[next++]!
    const bytes = new Uint8Array(blockSize)
    blocks.push({ block, bytes })
    encodeExtentNode(
      bytes,
      level === 0
        ? { depth: 0, extents: extents.slice(n * room, (n + 1) * room) }
        : { depth: level, children: childrenOf(level, n * room, room) },
    )
    if (seed !== undefined) sealExtentBlock(bytes, seed)
    return block
  }
  const childrenOf = (level: number, from: number, most: number): IndexEntry[] => {
    const children: IndexEntry[] = []
    for (let n = from; n < Math.min(from + most, counts[level - 1]!); n++) {
      children.push({ logical: fileBlock(firstBelow(level - 1, n)), child: place(level - 1, n) })
    }
    return children
  }

  encodeExtentNode(
    root,
    counts.length === 0
      ? { depth: 0, extents }
      : { depth: counts.length, children: childrenOf(counts.length, 0, counts.at(-1)!) },
  )
  return { root, blocks }
}

/**
 * The same mapping in as few extents as the format can store: neighbours joined,
 * and what is longer than one extent may be cut.
 * @param extents sorted by file block
 */
export function storableExtents(extents: readonly Extent[]): Extent[] {
  const stored: Extent[] = []
  for (const whole of mergeExtents(extents)) {
    const longest = whole.unwritten ? longestUnwrittenExtent : longestExtent
    for (let done = 0; done < whole.length; done += longest) {
      stored.push(
        extent(whole.logical + done, whole.physical + done, Math.min(longest, whole.length - done), whole.unwritten),
      )
    }
  }
  return stored
}
