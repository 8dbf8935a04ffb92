/**
 * Which files must stay, and why. The reasons are those of a person who knows the
 * format: what the kernel or a boot loader finds by block number, and what has no
 * blocks of its own.
 *
 * What does *not* keep a file in place while the filesystem is offline: the
 * immutable and append-only flags, which guard contents and not places; encryption,
 * since the key stream follows from file block and inode, never from the disk
 * block, so ciphertext moves as it is; verity, whose tree is more file data.
 */
import type { ImmovableReason } from '../../layout/reason.js'
import { bootLoaderFiles } from './boot-loader.js'
import { readFileMap } from '../read/file-map.js'
import type { Filesystem } from '../read/filesystem.js'
import { hasInlineData } from '../format/inline-data.js'
import { inodeFlag, type Inode } from '../format/inode.js'
import { rootInode } from '../read/path-walk.js'
import { findSwapFiles, mayBeSwapFile, swapProbe } from './swap.js'
import type { Superblock } from '../format/superblock.js'

/** Journal, resize inode, quota files, orphan file and whatever else the filesystem keeps for itself. */
export const isSystemInode = (number: number, superblock: Superblock): boolean =>
  (number < superblock.firstInode && number !== rootInode) ||
  number === superblock.journalInode ||
  superblock.claimedInodes.includes(number)

type Judged = Pick<Inode, 'number' | 'type' | 'flags' | 'size' | 'blockArea'>

/** The reasons that the inode alone tells. */
export function inherentReason(inode: Judged, superblock: Superblock): ImmovableReason | undefined {
  if (isSystemInode(inode.number, superblock)) return 'system-inode'
  if (inode.flags & inodeFlag.eaInode) return 'shared-xattr'
  if (hasInlineData(inode)) return 'inline-data'
  return undefined
}

/** All reasons; what must be looked up elsewhere is looked up once. */
export class ImmovableFiles {
  private bootLoader: Promise<ReadonlySet<number>> | undefined

  private readonly filesystem: Filesystem

  constructor(filesystem: Filesystem) {
    this.filesystem = filesystem
  }

  /** Inode numbers of the boot loader's files. */
  bootLoaderFiles(): Promise<ReadonlySet<number>> {
    this.bootLoader ??= bootLoaderFiles(this.filesystem)
    return this.bootLoader
  }

  /** Looks again next time: inodes have other numbers. */
  forget(): void {
    this.bootLoader = undefined
  }

  /** Why the data of this inode must stay; undefined when it may move. */
  async reason(inode: Inode): Promise<ImmovableReason | undefined> {
    const inherent = inherentReason(inode, this.filesystem.superblock)
    if (inherent !== undefined) return inherent
    if ((await this.bootLoaderFiles()).has(inode.number)) return 'boot-loader'
    if (mayBeSwapFile(inode)) {
      const probe = swapProbe(
        inode.number,
        (await readFileMap(this.filesystem, inode)).extents,
        this.filesystem.blockSize,
      )
      if (probe && (await findSwapFiles(this.filesystem, [probe])).size > 0) return 'swap-file'
    }
    return undefined
  }
}
