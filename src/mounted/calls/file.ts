/** A file of a mounted filesystem, as the calls see it. */
import { closeSync, constants, fstatSync } from 'node:fs'
import { failedWith } from '../../kernel/errno.js'
import { openByInode } from '../../kernel/open-by-handle.js'
import type { RelocateContext } from '../engine/relocate.js'
import { groupRun } from '../view/space-map.js'
import { fsBlock, type FileBlock, type FsBlock } from '../../layout/block.js'
import type { Extent } from '../../layout/extent.js'
import type { InodeTableShape } from '../../volume/capabilities.js'
import type { BlockSpace, PlaceRequest, SpaceFile, SpliceOptions } from '../../volume/block-space.js'
import { callError } from '../../volume/call-error.js'
import { mappedExtents } from './extents.js'
import { placeLive } from './place.js'
import { spliceLive } from './splice.js'

const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME | constants.O_NOFOLLOW

/** The space of a mounted filesystem, as far as its files ask it. */
export interface LiveFileSpace extends BlockSpace {
  /** Descriptor of the root directory. */
  readonly root: number
  /** @throws EROFS when opened for looking only */
  readonly relocating: RelocateContext
  readonly inodeTables: InodeTableShape
}

export class LiveFile implements SpaceFile {
  position = 0

  readonly space: LiveFileSpace
  readonly inode: number

  constructor(space: LiveFileSpace, inode: number) {
    this.space = space
    this.inode = inode
  }

  // Opened for each question and no longer: while a file is open its filesystem cannot be unmounted.
  async size(): Promise<number> {
    return this.reading((fd) => fstatSync(fd).size)
  }

  async extents(): Promise<Extent[]> {
    return this.reading((fd) => mappedExtents(fd, this.space.geometry().blockSize))
  }

  async defaultGoal(): Promise<FsBlock> {
    const geometry = this.space.geometry()
    const last = (await this.extents()).at(-1)
    if (last) return fsBlock(Math.min(last.physical + last.length, geometry.blockCount - 1))
    const group = Math.floor((this.inode - 1) / this.space.inodeTables.inodesPerGroup)
    return groupRun(
      geometry,
      Math.min(geometry.firstDataBlock + group * geometry.blocksPerGroup, geometry.blockCount - 1),
    ).start
  }

  place(logical: FileBlock, request: PlaceRequest): Promise<number> {
    return placeLive(this.space.relocating, this.inode, logical, request)
  }

  splice(space: SpaceFile, logical: FileBlock, length: number, options: SpliceOptions): Promise<void> {
    return spliceLive(this.space.relocating, this.inode, space.inode, logical, length, options)
  }

  async close(): Promise<void> {}

  private reading<T>(use: (fd: number) => T): T {
    let fd: number
    try {
      fd = openByInode(this.space.root, this.inode, readFlags)
    } catch (error) {
      if (failedWith(error, 'ESTALE', 'ENOENT')) throw callError('ENOENT', `Inode ${this.inode} has been deleted.`)
      if (failedWith(error, 'ENOKEY'))
        throw callError('EOPNOTSUPP', `Inode ${this.inode} is encrypted, and the key is not there.`)
      throw error
    }
    try {
      return use(fd)
    } finally {
      closeSync(fd)
    }
  }
}
