/** The calls' filesystem where it is mounted: through the kernel, on files in use. */
import { closeSync, fstatSync } from 'node:fs'
import type { FsBlock } from '../../layout/block.js'
import type { BlockRun } from '../../layout/run.js'
import { failedWith } from '../../kernel/errno.js'
import { openByInode } from '../../kernel/open-by-handle.js'
import type { RelocateContext } from '../engine/relocate.js'
import type { InodeTableShape } from '../../volume/capabilities.js'
import type { Geometry } from '../../volume/volume.js'
import type { SpaceFile } from '../../volume/block-space.js'
import { callError } from '../../volume/call-error.js'
import { LiveFile, type LiveFileSpace } from './file.js'

const O_PATH = 0o10000000

/** What the calls need of the volume they work on. */
export interface CallableMount {
  /** Descriptor of the root directory. */
  readonly root: number
  /** Undefined when it was opened for looking only. */
  readonly relocating: RelocateContext | undefined
  geometry(): Geometry
  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]>
}

export class LiveSpace implements LiveFileSpace {
  readonly engine = 'ext4-live'
  /** The kernel has no call that moves them. */
  readonly trees = undefined

  private readonly volume: CallableMount
  readonly inodeTables: InodeTableShape

  constructor(volume: CallableMount, inodeTables: InodeTableShape) {
    this.volume = volume
    this.inodeTables = inodeTables
  }

  get writable(): boolean {
    return this.volume.relocating !== undefined
  }

  /** Descriptor of the root directory. */
  get root(): number {
    return this.volume.root
  }

  /** @throws EROFS when opened for looking only */
  get relocating(): RelocateContext {
    const { relocating } = this.volume
    if (!relocating) throw callError('EROFS', 'The filesystem was opened for looking only.')
    return relocating
  }

  geometry(): Geometry {
    return this.volume.geometry()
  }

  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]> {
    return this.volume.freeRuns(from, to)
  }

  async open(inode: number): Promise<SpaceFile> {
    this.needRegular(inode)
    return new LiveFile(this, inode)
  }

  /** Looks at the inode without opening what it stands for, which a device would notice. */
  private needRegular(inode: number): void {
    if (!Number.isInteger(inode) || inode < 1 || inode > this.inodeTables.inodeCount)
      throw callError('ENOENT', `There is no inode ${inode}.`)
    let fd: number
    try {
      fd = openByInode(this.root, inode, O_PATH)
    } catch (error) {
      if (failedWith(error, 'ESTALE', 'ENOENT', 'EINVAL')) throw callError('ENOENT', `There is no inode ${inode}.`)
      throw error
    }
    try {
      const stats = fstatSync(fd)
      if (stats.isDirectory()) throw callError('EISDIR', `Inode ${inode} is a directory.`)
      if (!stats.isFile()) throw callError('EINVAL', `Inode ${inode} is no regular file.`)
      if (stats.nlink === 0) throw callError('ENOENT', `Inode ${inode} has been deleted.`)
    } finally {
      closeSync(fd)
    }
  }

  /** Every call leaves its work on stable storage by itself. */
  async settle(): Promise<void> {}
}
