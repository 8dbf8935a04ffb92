/** The calls' filesystem where it lies in an image: exact to the block. */
import { hasBit } from '../../bytes/bitset.js'
import { FileSpace } from './file-space.js'
import type { Filesystem } from '../read/filesystem.js'
import { groupOfInode } from '../format/group-layout.js'
import type { Committer } from '../commit/committer.js'
import { isSystemInode } from '../ownership/immovable.js'
import { scanInodes } from '../read/inode-scan.js'
import type { Inode } from '../format/inode.js'
import { TreeBlocks } from './tree-space.js'
import type { FsBlock } from '../../layout/block.js'
import type { BlockRun } from '../../layout/run.js'
import type { Geometry } from '../../volume/volume.js'
import type { SpaceFile, TreeSpace } from '../../volume/block-space.js'
import { callError } from '../../volume/call-error.js'
import { findOnImage } from './find-room.js'
import { ImageFile, type ImageFileSpace } from './file.js'

/** What the calls need of the volume they work on. */
export interface CallableImage {
  readonly filesystem: Filesystem
  /** Undefined when it was opened for reading. */
  readonly committer: Committer | undefined
  geometry(): Geometry
  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]>
}

export class ImageSpace implements ImageFileSpace {
  readonly engine = 'ext4-image'
  readonly trees: TreeSpace | undefined
  private readonly files: FileSpace | undefined

  private readonly volume: CallableImage

  constructor(volume: CallableImage) {
    this.volume = volume
    const { filesystem, committer } = volume
    if (!committer) return
    const files = new FileSpace(filesystem, committer)
    const blocks = new TreeBlocks(files, committer)
    this.files = files
    this.trees = {
      allocateBlock: async (file, logical, level, goal) => {
        const [run] = await findOnImage(filesystem, { goal, length: 1, forbid: (await files.suspects()).markedFree })
        await blocks.add(file.inode, logical, level, run!.start)
        return run!.start
      },
      swapBlocks: (file, other, logical, level) => blocks.swap(file.inode, other.inode, logical, level),
    }
  }

  get filesystem(): Filesystem {
    return this.volume.filesystem
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
    return new ImageFile(this, this.files, (await this.regular(number)).number)
  }

  /** @throws ENOENT, EISDIR, EINVAL */
  async regular(number: number): Promise<Inode> {
    const { filesystem } = this
    const { superblock } = filesystem
    const used =
      filesystem.inodeInRange(number) &&
      hasBit(await filesystem.inodeBitmap(groupOfInode(superblock, number)), (number - 1) % superblock.inodesPerGroup)
    if (!used || isSystemInode(number, superblock)) throw callError('ENOENT', `There is no inode ${number} of a file.`)
    const inode = await filesystem.readInode(number)
    if (inode.links === 0) throw callError('ENOENT', `Inode ${number} has been deleted.`)
    if (inode.type === 'directory') throw callError('EISDIR', `Inode ${number} is a directory.`)
    if (inode.type !== 'regular') throw callError('EINVAL', `Inode ${number} is no regular file.`)
    return inode
  }

  async *inodes(from: number): AsyncGenerator<number, void, undefined> {
    const { superblock } = this.filesystem
    for await (const batch of scanInodes(this.filesystem)) {
      for (const { number, type } of batch)
        if (number >= from && type === 'regular' && !isSystemInode(number, superblock)) yield number
    }
  }

  async settle(): Promise<void> {
    await this.files?.settle()
  }
}
