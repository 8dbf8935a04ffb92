/**
 * The blocks of extent trees (those of block maps: map-space.ts) as things that can be asked for and exchanged.
 *
 * Levels count from the data up. A node of level 1 holds extents; a node of level n + 1
 * points at nodes of level n; the root in the inode is one level above the highest
 * block. A tree whose root is at level r has, over every file block, one block at each
 * level from 1 to r - 1: so a block can be missing only where the root is, and giving
 * the tree one there pushes the root up, its entries moving into the new block.
 */
import { noSpace, unsupported, usageError } from '../../errors.js'
import type { FsBlock } from '../../layout/block.js'
import { blockRun } from '../../layout/run.js'
import {
  decodeExtentNode,
  deepestTree,
  encodeExtentNode,
  sealExtentBlock,
  verifyExtentBlock,
  type ExtentNode,
} from '../format/extent-node.js'
import type { FileSpace } from './file-space.js'
import { addMapBlock, findMapBlock, nothing, type FoundBlock } from './map-space.js'
import { inodeSeed, type Inode, type InodeChange } from '../format/inode.js'
import { Batch } from '../relocate/batch.js'
import type { InodeRelocation } from '../relocate/inode.js'
import type { BlockContents } from '../relocate/rebuilt-tree.js'
import type { Committer } from '../commit/committer.js'

/** A node on the way down, and which of its entries leads on. */
interface Step {
  /** 0 for the root. */
  readonly block: number
  readonly node: ExtentNode
  readonly chosen: number
}

export class TreeBlocks {
  private readonly space: FileSpace
  private readonly committer: Committer

  constructor(space: FileSpace, committer: Committer) {
    this.space = space
    this.committer = committer
  }

  /** Level of a file's root: 1 when it holds extents itself. */
  async rootLevel(number: number): Promise<number> {
    const { inode } = await this.space.changeable(number)
    return decodeExtentNode(inode.blockArea, { inode: number, block: 0 }).depth + 1
  }

  /**
   * Gives a tree a block at `level`, below the root, or a block map one over `logical`.
   * @param target a free block
   * @throws EEXIST, EINVAL, ENOENT, ENOSPC, EOPNOTSUPP
   */
  async add(number: number, logical: number, level: number, target: FsBlock): Promise<void> {
    needLevel(level)
    const state = await this.space.changeable(number)
    if (this.space.filesystem.superblock.quotaInodes.length > 0)
      throw unsupported(
        'EOPNOTSUPP',
        'The filesystem keeps quotas, which are not counted anew here.',
        'Mount the filesystem and work on it there.',
      )
    await this.carryOut([
      state.map.kind === 'indirect'
        ? await addMapBlock(this.space.filesystem, state, logical, level, target)
        : this.pushedDown(state.inode, level, target),
    ])
  }

  /** The root goes up a level, its entries into a block at `target`. */
  private pushedDown(inode: Inode, level: number, target: FsBlock): InodeRelocation {
    const { filesystem } = this.space
    const { number } = inode
    const root = decodeExtentNode(inode.blockArea, { inode: number, block: 0 })
    if (level <= root.depth) throw usageError('EEXIST', `Inode ${number} has a tree block of level ${level} there.`)
    if (level > root.depth + 1)
      throw usageError(
        'EINVAL',
        `Inode ${number} has no tree block of level ${level - 1} that could lie below one of level ${level}.`,
      )
    const below = new Uint8Array(filesystem.blockSize)
    encodeExtentNode(below, root)
    this.seal(inode, below)
    const blockArea = new Uint8Array(inode.blockArea.length)
    const first = 'extents' in root ? root.extents[0]?.logical : root.children[0]?.logical
    if (first === undefined)
      throw usageError(
        'EINVAL',
        `Inode ${number} has no blocks, and a tree over nothing has none either.`,
        'Allocate data first.',
      )
    encodeExtentNode(blockArea, { depth: root.depth + 1, children: [{ logical: first, child: target }] })
    return {
      ...nothing(number),
      take: [blockRun(target, 1)],
      fresh: [{ block: target, bytes: below }],
      changes: [{ inode, change: { blockArea, sectors: inode.sectors + filesystem.blockSize / 512 } }],
    }
  }

  /**
   * Two files' tree blocks at `level` over `logical` change places.
   * @throws ENOENT when one of the files has none there
   */
  async swap(first: number, second: number, logical: number, level: number): Promise<void> {
    needLevel(level)
    if (first === second) throw usageError('EINVAL', `Inode ${first} was given as both files.`)
    const here = await this.find(first, logical, level)
    const there = await this.find(second, logical, level)
    await this.carryOut([here.moved(there.block), there.moved(here.block)])
  }

  private async find(number: number, logical: number, level: number): Promise<FoundBlock> {
    const state = await this.space.changeable(number)
    if (state.map.kind === 'indirect') return findMapBlock(this.space.filesystem, state, logical, level)
    const found = await this.descend(number, logical, level)
    return { block: found.block, moved: (target) => this.moved(found, target) }
  }

  /** What changes when a node goes to `target`: the contents there, and the pointer above. */
  private moved({ inode, bytes, above }: Descent, target: FsBlock): InodeRelocation {
    const rewritten: BlockContents[] = [{ block: target, bytes }]
    const changes: { inode: Inode; change: InodeChange }[] = []
    const parent = above.at(-1)!
    if (!('children' in parent.node)) throw new TypeError('a leaf is above a tree block')
    const node = {
      ...parent.node,
      children: parent.node.children.map((entry, index) =>
        index === parent.chosen ? { ...entry, child: target } : entry,
      ),
    }
    if (above.length === 1) {
      const blockArea = new Uint8Array(inode.blockArea.length)
      encodeExtentNode(blockArea, node)
      changes.push({ inode, change: { blockArea } })
    } else {
      const block = new Uint8Array(bytes.length)
      encodeExtentNode(block, node)
      this.seal(inode, block)
      rewritten.push({ block: blockRun(parent.block, 1).start, bytes: block })
    }
    return { ...nothing(inode.number), rewritten, changes }
  }

  private async descend(number: number, logical: number, level: number): Promise<Descent> {
    const { filesystem } = this.space
    const { inode } = await this.space.changeable(number)
    const above: Step[] = []
    let block = 0
    let node = decodeExtentNode(inode.blockArea, { inode: number, block })
    while ('children' in node && node.depth >= level) {
      // The last entry that begins at or before the block; the first one when all begin later.
      let chosen = node.children.findLastIndex((entry) => entry.logical <= logical)
      if (chosen < 0) chosen = 0
      above.push({ block, node, chosen })
      block = node.children[chosen]!.child
      const bytes = await filesystem.blocks.read(block)
      const below = decodeExtentNode(bytes, { inode: number, block }, node.depth - 1)
      if (filesystem.superblock.checksums === 'crc32c') {
        verifyExtentBlock(bytes, inodeSeed(filesystem.superblock, number, inode.generation), { inode: number, block })
      }
      if (below.depth === level - 1) return { inode, above, block: blockRun(block, 1).start, bytes: bytes.slice() }
      node = below
    }
    throw usageError('ENOENT', `Inode ${number} has no tree block of level ${level} over file block ${logical}.`)
  }

  private seal(inode: Inode, bytes: Uint8Array): void {
    const { superblock } = this.space.filesystem
    if (superblock.checksums === 'crc32c') sealExtentBlock(bytes, inodeSeed(superblock, inode.number, inode.generation))
  }

  private async carryOut(changes: readonly InodeRelocation[]): Promise<void> {
    const batch = new Batch(this.space.filesystem, this.committer)
    if (!changes.every((change) => batch.add(change)))
      throw noSpace(
        'ENOSPC',
        'The journal is too small for what this changes.',
        'Give the filesystem a larger journal.',
      )
    await batch.carryOut(() => {})
  }
}

interface Descent {
  readonly inode: Inode
  /** From the root to the node above; at least the root. */
  readonly above: readonly Step[]
  readonly block: FsBlock
  /** Of the node, sealed for its inode. */
  readonly bytes: Uint8Array
}

function needLevel(level: number): void {
  if (!Number.isInteger(level) || level < 1 || level > deepestTree)
    throw usageError('EINVAL', `Level ${level} is not one of 1 to ${deepestTree}.`)
}
