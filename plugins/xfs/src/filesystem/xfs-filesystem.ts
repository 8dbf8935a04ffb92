/**
 * A mounted XFS filesystem, open: its measures, its inodes by number, its free space.
 * Inodes are opened by number and generation, so that no path can lead elsewhere.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { blockRun, refused, unsupported, type BlockRun } from 'bootpack/engine'
import { filesystemSpace, syncFilesystem } from 'bootpack/kernel'
import type { XfsInode } from '../kernel/bulkstat.js'
import { xfsGeometry, type XfsGeometry } from '../kernel/geometry.js'
import { xfsSpaceMap } from '../kernel/getfsmap.js'
import { openXfsInode } from '../kernel/open-by-handle.js'

export const typeMask = 0o170000
export const regular = 0o100000
export const directory = 0o040000

export class XfsFilesystem {
  readonly mountPoint: string
  /** Descriptor of the directory it was opened by. */
  readonly root: number
  readonly geometry: XfsGeometry

  private constructor(mountPoint: string, root: number, geometry: XfsGeometry) {
    this.mountPoint = mountPoint
    this.root = root
    this.geometry = geometry
  }

  /**
   * @param mountPoint any directory of the filesystem
   * @throws refused without root, unsupported when it is not XFS
   */
  static open(mountPoint: string): XfsFilesystem {
    if (process.getuid?.() !== 0) {
      throw refused('not-root', `Moving blocks of ${mountPoint} takes the privileges of root.`, 'Run it as root.')
    }
    const root = openSync(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOATIME)
    try {
      return new XfsFilesystem(mountPoint, root, xfsGeometry(root))
    } catch (error) {
      closeSync(root)
      if ((error as { family?: unknown }).family === 'unsupported') {
        throw unsupported(
          'not-xfs',
          `${mountPoint} is not on an XFS filesystem.`,
          'On ext4 use e4defrag or bootpack pack.',
        )
      }
      throw error
    }
  }

  /** The allocation group an inode lies in: the upper bits of its number. */
  groupOfInode(inode: number): number {
    return Math.floor(inode / this.inodesPerGroup)
  }

  /** Numbers an allocation group has for inodes, used or not. */
  get inodesPerGroup(): number {
    const { groupBlocks, blockSize, inodeSize } = this.geometry
    return 2 ** Math.ceil(Math.log2(groupBlocks)) * (blockSize / inodeSize)
  }

  /** The block an inode lies in, counted from the start of the device. */
  blockOfInode(inode: number): number {
    const { groupBlocks, blockSize, inodeSize } = this.geometry
    return this.groupOfInode(inode) * groupBlocks + Math.floor((inode % this.inodesPerGroup) / (blockSize / inodeSize))
  }

  groupOfBlock(block: number): number {
    return Math.floor(block / this.geometry.groupBlocks)
  }

  /** The blocks of an allocation group. */
  groupRun(group: number): BlockRun {
    const { groupBlocks, blockCount } = this.geometry
    return blockRun(group * groupBlocks, Math.min(groupBlocks, blockCount - group * groupBlocks))
  }

  /** @throws KernelError ESTALE, ENOENT or EINVAL when the inode is gone, ETXTBSY when it is being executed */
  openInode({ inode, generation }: Pick<XfsInode, 'inode' | 'generation'>, flags: number): number {
    return openXfsInode(this.root, inode, generation, flags)
  }

  /** Free bytes for root. */
  freeBytes(): number {
    const { free, blockSize } = filesystemSpace(this.root)
    return free * blockSize
  }

  /** Free runs that have a block in `within`, whole. */
  freeRuns(within: BlockRun): BlockRun[] {
    const { blockSize } = this.geometry
    return xfsSpaceMap(this.root, within.start * blockSize, (within.start + within.length) * blockSize)
      .filter(({ owner }) => owner === 'free')
      .map(({ physical, length }) => blockRun(physical / blockSize, length / blockSize))
  }

  sync(): void {
    syncFilesystem(this.root)
  }

  close(): void {
    closeSync(this.root)
  }
}
