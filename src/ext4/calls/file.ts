/** A file of an image, as the calls see it. */
import { longestUnwrittenExtent } from '../format/extent-node.js'
import { treeBlocksNeeded } from '../read/extent-tree.js'
import { readFileMap } from '../read/file-map.js'
import type { FileSpace } from './file-space.js'
import { mostFileBlocks } from '../format/block-map.js'
import type { InodeState } from '../relocate/place.js'
import { treeGrowth } from '../relocate/tree.js'
import type { Filesystem } from '../read/filesystem.js'
import { groupOfInode, groupStart } from '../format/group-layout.js'
import type { Inode } from '../format/inode.js'
import { fsBlock, type FileBlock, type FsBlock } from '../../layout/block.js'
import { extent, mergeExtents, type Extent } from '../../layout/extent.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import type { BlockSpace, PlaceRequest, SpaceFile, SpliceOptions } from '../../volume/block-space.js'
import { callError } from '../../volume/call-error.js'
import { findOnImage } from './find-room.js'

/** The space of an image, as far as its files ask it. */
export interface ImageFileSpace extends BlockSpace {
  readonly filesystem: Filesystem
  /** @throws ENOENT, EISDIR, EINVAL */
  regular(inode: number): Promise<Inode>
}

export class ImageFile implements SpaceFile {
  position = 0

  readonly space: ImageFileSpace
  private readonly files: FileSpace | undefined
  readonly inode: number

  /** @param files undefined when the image was opened for reading */
  constructor(space: ImageFileSpace, files: FileSpace | undefined, inode: number) {
    this.space = space
    this.files = files
    this.inode = inode
  }

  async size(): Promise<number> {
    return (await this.space.regular(this.inode)).size
  }

  async extents(): Promise<Extent[]> {
    const inode = await this.space.regular(this.inode)
    return mergeExtents((await readFileMap(this.space.filesystem, inode)).extents)
  }

  async defaultGoal(): Promise<FsBlock> {
    const { superblock } = this.space.filesystem
    const last = (await this.extents()).at(-1)
    const behind = last ? last.physical + last.length : groupStart(superblock, groupOfInode(superblock, this.inode))
    return fsBlock(Math.min(behind, superblock.blockCount - 1))
  }

  async place(logical: FileBlock, request: PlaceRequest): Promise<number> {
    const files = this.changing()
    const state = await files.changeable(this.inode)
    const found = await findOnImage(this.space.filesystem, { ...request, forbid: (await files.suspects()).markedFree })
    const runs = request.flags.fixedLength ? found : await this.leavingRoom(found, state, logical)
    await files.add(this.inode, logical, runs)
    return countBlocks(runs)
  }

  /** On a disk that is nearly full the last blocks are needed for the tree over the others. */
  private async leavingRoom(runs: readonly BlockRun[], state: InodeState, logical: FileBlock): Promise<BlockRun[]> {
    const { blockSize } = this.space.geometry()
    const { map } = state
    if (map.kind === 'indirect') {
      // Too far for the map is said where the blocks are given.
      if (logical + countBlocks(runs) > mostFileBlocks(blockSize)) return [...runs]
      const whole = extent(logical, 1, countBlocks(runs))
      const over = [...map.extents, whole].sort((a, b) => a.logical - b.logical)
      const grown = await treeGrowth(this.space.filesystem, state, over)
      return shortened(runs, grown + countBlocks(runs) - this.space.filesystem.superblock.freeBlocks)
    }
    const extents =
      map.extents.length + runs.reduce((sum, { length }) => sum + Math.ceil(length / longestUnwrittenExtent), 0) + 1
    const left = this.space.filesystem.superblock.freeBlocks - countBlocks(runs)
    return shortened(runs, treeBlocksNeeded(extents, blockSize) - map.treeBlocks.length - left)
  }

  async splice(space: SpaceFile, logical: FileBlock, length: number, options: SpliceOptions): Promise<void> {
    await this.changing().splice(this.inode, space.inode, logical, length, options)
  }

  async close(): Promise<void> {}

  private changing(): FileSpace {
    if (!this.files) throw callError('EROFS', 'The image was opened for reading only.')
    return this.files
  }
}

const countBlocks = (runs: readonly BlockRun[]): number => runs.reduce((sum, { length }) => sum + length, 0)

/** The runs without their last `count` blocks; one block stays in any case. */
function shortened(runs: readonly BlockRun[], count: number): BlockRun[] {
  const kept = [...runs]
  for (let left = Math.min(count, countBlocks(runs) - 1); left > 0;) {
    const last = kept.pop()!
    if (last.length > left) kept.push(blockRun(last.start, last.length - left))
    left -= Math.min(left, last.length)
  }
  return kept
}
