/**
 * The mark in the superblock that says "do not trust this filesystem as it lies":
 * needs_recovery where a journal will mend it, a cleared "cleanly unmounted" where
 * there is none. It is set before the first block is written home and taken away
 * when the last one is durable.
 *
 * Of the superblock nothing else changes but the count of free blocks: neither the
 * times (s_wtime, s_mtime) nor the count of kilobytes written. Copies of superblock
 * and descriptors in other groups stay as they are, as the kernel leaves them: they
 * serve to find the filesystem when the first superblock is lost, and e2fsck then
 * counts what is free anew.
 */
import { getU16, getU32, putU16, putU32 } from '../../bytes/little-endian.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import type { Filesystem } from '../read/filesystem.js'
import { sealSuperblock, superblockOffset, superblockSize } from '../format/superblock.js'

export type MarkKind = 'needs-recovery' | 'not-clean'

const needsRecovery = 0x4
const cleanlyUnmounted = 0x1

export class SuperblockMark {
  /** Block that holds the superblock. */
  readonly block: FsBlock
  private readonly offset: number

  private readonly filesystem: Filesystem
  private readonly kind: MarkKind

  constructor(filesystem: Filesystem, kind: MarkKind) {
    this.filesystem = filesystem
    this.kind = kind
    this.block = fsBlock(Math.floor(superblockOffset / filesystem.blockSize))
    this.offset = superblockOffset % filesystem.blockSize
  }

  /** Puts the mark on the disk or takes it away; does not flush. */
  async write(on: boolean): Promise<void> {
    const bytes = await this.filesystem.blocks.readRun(this.block, 1)
    this.change(bytes, on)
    await this.filesystem.writeBlocks(this.block, bytes)
  }

  /** A superblock that goes through a transaction carries the mark as well, or writing it home would lose it. */
  apply(blocks: ReadonlyMap<FsBlock, Uint8Array>): void {
    const bytes = blocks.get(this.block)
    if (bytes) this.change(bytes, true)
  }

  private change(block: Uint8Array, on: boolean): void {
    const bytes = block.subarray(this.offset, this.offset + superblockSize)
    if (this.kind === 'needs-recovery') {
      const s_feature_incompat = getU32(bytes, 0x60)
      putU32(bytes, 0x60, (on ? s_feature_incompat | needsRecovery : s_feature_incompat & ~needsRecovery) >>> 0)
    } else {
      const s_state = getU16(bytes, 0x3a)
      putU16(bytes, 0x3a, on ? s_state & ~cleanlyUnmounted : s_state | cleanlyUnmounted)
    }
    sealSuperblock(bytes, this.filesystem.superblock)
  }
}
