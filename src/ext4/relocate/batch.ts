import { fsBlock, type FsBlock } from '../../layout/block.js'
import type { Filesystem } from '../read/filesystem.js'
import { groupOfBlock } from '../format/group-layout.js'
import { copyBlocks, zeroBlocks } from './copy.js'
import type { InodeRelocation } from './inode.js'
import { superblockOffset } from '../format/superblock.js'
import type { Committer } from '../commit/committer.js'
import { Transaction } from '../commit/transaction.js'

/** Bytes of contents in one batch: what an interrupted run still finishes. */
export const batchBytes = 128 << 20
/** Bytes of metadata in one batch, which lie in memory at once. */
const batchMetadataBytes = 32 << 20

/**
 * The relocations that are committed together: each inode once, and no more metadata
 * than one transaction of the journal can take.
 */
export class Batch {
  private readonly members: InodeRelocation[] = []
  private readonly logged = new Set<number>()
  private readonly mostLogged: number
  private blocks = 0

  private readonly filesystem: Filesystem
  private readonly committer: Committer

  constructor(filesystem: Filesystem, committer: Committer) {
    this.filesystem = filesystem
    this.committer = committer
    this.mostLogged = Math.min(committer.capacity, Math.max(64, Math.floor(batchMetadataBytes / filesystem.blockSize)))
  }

  get relocations(): readonly InodeRelocation[] {
    return this.members
  }

  /** Takes it in, if it fits. The first one fits when the journal can take it at all. */
  add(relocation: InodeRelocation): boolean {
    const touched = this.touched(relocation)
    const size = this.logged.size + [...touched].filter((block) => !this.logged.has(block)).length
    const blocks = this.blocks + relocation.copies.reduce((sum, { length }) => sum + length, 0)
    const first = this.members.length === 0
    if (size > (first ? this.committer.capacity : this.mostLogged)) return false
    if (!first && blocks * this.filesystem.blockSize > batchBytes) return false
    for (const block of touched) this.logged.add(block)
    this.blocks = blocks
    this.members.push(relocation)
    return true
  }

  /** Whether a member moves this attribute block, which then moves for all that share it. */
  movesXattr(block: FsBlock): boolean {
    return this.members.some(({ moves }) => moves.some((move) => move.kind === 'xattr' && move.from === block))
  }

  /** Copies, then commits. What was copied is durable before anything points at it. */
  async carryOut(onCopied: (blocks: number) => void): Promise<void> {
    const { filesystem, members } = this
    const transaction = new Transaction(filesystem)
    for (const { take, release, rewritten, fresh, changes } of members) {
      for (const run of take) await transaction.take(run)
      for (const run of release) await transaction.release(run)
      for (const { block, bytes } of rewritten) transaction.rewrite(block, bytes)
      for (const { block, bytes } of fresh) transaction.writeFresh(block, bytes)
      for (const { inode, change } of changes) transaction.setInode(inode, change)
    }
    await this.committer.ready()
    await copyBlocks(
      filesystem.store,
      filesystem.blockSize,
      members.flatMap(({ copies }) => copies),
      onCopied,
    )
    const zeroes = members.flatMap((member) => member.zeroes ?? [])
    for (const run of zeroes) await zeroBlocks(filesystem.store, filesystem.blockSize, run)
    for (const { copies } of members) for (const { to, length } of copies) filesystem.blocks.forget(to, length)
    for (const { start, length } of zeroes) filesystem.blocks.forget(start, length)
    await transaction.commit(this.committer)
  }

  /** Blocks that go through the journal for it, at most. */
  private touched({ take, release, rewritten, changes }: InodeRelocation): Set<FsBlock> {
    const { superblock, groups } = this.filesystem
    const touched = new Set<number>([Math.floor(superblockOffset / superblock.blockSize)])
    for (const run of [...take, ...release]) {
      for (
        let group = groupOfBlock(superblock, run.start);
        group <= groupOfBlock(superblock, run.start + run.length - 1);
        group++
      ) {
        touched.add(groups.get(group).blockBitmap)
        touched.add(groups.home(group).block)
      }
    }
    for (const { block } of rewritten) touched.add(block)
    for (const { inode } of changes) touched.add(this.filesystem.inodeHome(inode.number).block)
    return new Set([...touched].map(fsBlock))
  }
}
