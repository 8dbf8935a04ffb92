/** The calls' filesystem where it lies in an image: exact to the block. */
import { fsBlock, type FileBlock, type FsBlock } from '../layout/block.js'
import { mergeExtents, type Extent } from '../layout/extent.js'
import { blockRun, type BlockRun } from '../layout/run.js'
import { zeroRuns } from '../bytes/bitset.js'
import { readFileMap } from '../image/file-map.js'
import { FileSpace } from '../image/file-space.js'
import { groupLength, groupOfInode, groupStart } from '../image/group-layout.js'
import type { ImageVolume } from '../image/image-volume.js'
import { isSystemInode } from '../image/immovable.js'
import { scanInodes } from '../image/inode-scan.js'
import type { Inode } from '../image/inode.js'
import { treeBlocksNeeded } from '../layout/tree-size.js'
import { readInodeState } from '../image/relocate-place.js'
import { TreeBlocks } from '../image/tree-space.js'
import { Allocator } from '../mballoc/allocator.js'
import type { AllocationRequest } from '../mballoc/request.js'
import type { Geometry } from '../volume/volume.js'
import type { BlockSpace, PlaceRequest, SpaceFile, SpliceOptions, TreeSpace } from './block-space.js'
import { callError } from './call-error.js'

/** Groups whose bitmaps are brought in when one of them is needed. */
const groupsAhead = 32

export class ImageSpace implements BlockSpace {
  readonly engine = 'ext4-image'
  readonly trees: TreeSpace | undefined
  private readonly files: FileSpace | undefined
  private readonly treeBlocks: TreeBlocks | undefined

  constructor(private readonly volume: ImageVolume) {
    const { filesystem, committer } = volume
    if (!committer) return
    this.files = new FileSpace(filesystem, committer)
    this.treeBlocks = new TreeBlocks(this.files, committer)
    this.trees = {
      allocateBlock: async (file, _logical, level, goal) => {
        const [run] = await this.allocate({ goal, length: 1 })
        await this.treeBlocks!.add(file.inode, level, run!.start)
        return run!.start
      },
      swapBlocks: (file, other, logical, level) => this.treeBlocks!.swap(file.inode, other.inode, logical, level),
    }
  }

  get writable(): boolean {
    return this.files !== undefined
  }

  geometry(): Geometry {
    return this.volume.geometry()
  }

  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]> {
    return this.volume.freeRuns(from, to)
  }

  async open(number: number): Promise<SpaceFile> {
    return new ImageFile(this, this.volume, this.files, (await this.regular(number)).number)
  }

  /** @throws ENOENT, EISDIR, EINVAL */
  async regular(number: number): Promise<Inode> {
    const state = await readInodeState(this.volume.filesystem, number)
    if (!state || isSystemInode(number, this.volume.filesystem.superblock)) throw callError('ENOENT', `There is no inode ${number} of a file.`)
    if (state.inode.type === 'directory') throw callError('EISDIR', `Inode ${number} is a directory.`)
    if (state.inode.type !== 'regular') throw callError('EINVAL', `Inode ${number} is no regular file.`)
    return state.inode
  }

  async *inodes(from: number): AsyncGenerator<number, void, undefined> {
    const { superblock } = this.volume.filesystem
    for await (const batch of scanInodes(this.volume.filesystem)) {
      for (const { number, type } of batch) if (number >= from && type === 'regular' && !isSystemInode(number, superblock)) yield number
    }
  }

  /**
   * Free blocks by the allocator, which asks for groups one by one while bitmaps are
   * read in the background: a group that is missing ends the search, is read, and the
   * search begins anew.
   * @throws ENOSPC
   */
  async allocate(request: AllocationRequest): Promise<BlockRun[]> {
    const { filesystem } = this.volume
    const { superblock, groups } = filesystem
    const { markedFree } = await this.files!.suspects()
    const known = new Map<number, BlockRun[]>()
    for (;;) {
      let missing: number | undefined
      const allocator = new Allocator({
        geometry: superblock,
        freeCount: (group) => groups.get(group).freeBlocks,
        loadGroup: (group) => {
          const runs = known.get(group)
          if (runs) return runs
          missing = group
          throw new MissingGroup()
        },
      })
      try {
        const found = allocator.find({ ...request, forbid: markedFree })
        if (found) return found
        throw callError('ENOSPC', `There is no free space that would do for ${request.length} blocks.`)
      } catch (error) {
        if (!(error instanceof MissingGroup)) throw error
      }
      const end = Math.min(superblock.groupCount, missing! + groupsAhead)
      await filesystem.prefetchBlockBitmaps(missing!, end)
      for (let group = missing!; group < end; group++) {
        if (known.has(group)) continue
        const bits = await filesystem.blockBitmap(group)
        const start = groupStart(superblock, group)
        known.set(group, [...zeroRuns(bits, 0, groupLength(superblock, group))].map(([bit, length]) => blockRun(start + bit, length)))
      }
    }
  }

  /** Free blocks as the superblock counts them. */
  countFree(): number {
    return this.volume.filesystem.superblock.freeBlocks
  }

  async settle(): Promise<void> {
    await this.files?.settle()
  }
}

class MissingGroup extends Error {}

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

class ImageFile implements SpaceFile {
  position = 0

  constructor(
    readonly space: ImageSpace, private readonly volume: ImageVolume, private readonly files: FileSpace | undefined, readonly inode: number,
  ) {}

  async size(): Promise<number> {
    return (await this.space.regular(this.inode)).size
  }

  async extents(): Promise<Extent[]> {
    const inode = await this.space.regular(this.inode)
    return mergeExtents((await readFileMap(this.volume.filesystem, inode)).extents)
  }

  async defaultGoal(): Promise<FsBlock> {
    const { superblock } = this.volume.filesystem
    const last = (await this.extents()).at(-1)
    const behind = last ? last.physical + last.length : groupStart(superblock, groupOfInode(superblock, this.inode))
    return fsBlock(Math.min(behind, superblock.blockCount - 1))
  }

  async place(logical: FileBlock, request: PlaceRequest): Promise<number> {
    const { map } = await this.files!.changeable(this.inode)
    const { blockSize, longestUnwrittenExtent } = this.space.geometry()
    let runs = await this.space.allocate(request)
    if (!request.flags.fixedLength) {
      // A disk that is nearly full needs the last blocks for the tree over the others.
      const extents = map.extents.length + runs.reduce((sum, { length }) => sum + Math.ceil(length / longestUnwrittenExtent), 0) + 1
      const spare = this.space.countFree() - countBlocks(runs)
      runs = shortened(runs, Math.max(0, treeBlocksNeeded(extents, blockSize) - map.treeBlocks.length - spare))
    }
    await this.files!.add(this.inode, logical, runs)
    return countBlocks(runs)
  }

  async splice(space: SpaceFile, logical: FileBlock, length: number, options: SpliceOptions): Promise<void> {
    await this.files!.splice(this.inode, space.inode, logical, length, options)
  }

  async close(): Promise<void> {}
}
