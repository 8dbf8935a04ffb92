/** The calls' filesystem where it lies in an image: exact to the block. */
import { fsBlock, type FileBlock, type FsBlock } from '../layout/block.js'
import { mergeExtents, type Extent } from '../layout/extent.js'
import { blockRun, type BlockRun } from '../layout/run.js'
import { zeroRuns } from '../bytes/bitset.js'
import { readFileMap } from '../image/file-map.js'
import { FileSpace } from '../image/file-space.js'
import { groupLength, groupOfInode, groupStart } from '../image/group-layout.js'
import type { ImageVolume } from '../image/image-volume.js'
import { scanInodes } from '../image/inode-scan.js'
import type { Inode } from '../image/inode.js'
import { readInodeState } from '../image/relocate-place.js'
import { TreeBlocks } from '../image/tree-space.js'
import { Allocator } from '../mballoc/allocator.js'
import type { AllocationRequest } from '../mballoc/request.js'
import type { Geometry } from '../volume/volume.js'
import type { BlockSpace, PlaceRequest, SpaceFile, TreeSpace } from './block-space.js'
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
    if (!state) throw callError('ENOENT', `There is no inode ${number}.`)
    if (state.inode.type === 'directory') throw callError('EISDIR', `Inode ${number} is a directory.`)
    if (state.inode.type !== 'regular') throw callError('EINVAL', `Inode ${number} is no regular file.`)
    return state.inode
  }

  async *inodes(from: number): AsyncGenerator<number, void, undefined> {
    const { firstInode } = this.volume.filesystem.superblock
    for await (const batch of scanInodes(this.volume.filesystem)) {
      for (const { number, type } of batch) if (number >= from && number >= firstInode && type === 'regular') yield number
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

  async settle(): Promise<void> {
    await this.files?.settle()
  }
}

class MissingGroup extends Error {}

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
    await this.files!.changeable(this.inode)
    const runs = await this.space.allocate(request)
    await this.files!.add(this.inode, logical, runs)
    return runs.reduce((sum, { length }) => sum + length, 0)
  }

  async splice(space: SpaceFile, logical: FileBlock, length: number, signal?: AbortSignal): Promise<void> {
    await this.files!.splice(this.inode, space.inode, logical, length, signal)
  }

  async close(): Promise<void> {}
}
