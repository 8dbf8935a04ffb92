/**
 * Changes to metadata that become true together.
 *
 * The data: copies of blocks on the disk, changed in memory (`logged`: they go
 * through the journal), and blocks written where nothing was (`fresh`: they are
 * written at once, since nobody points at them before the commit).
 *
 * The invariant: `seal` leaves the logged blocks a whole filesystem in themselves.
 * For every group the free count of its descriptor changes by what its bitmap
 * changes, the superblock's by the sum, and every checksum over something changed is
 * right. A bitmap that was never written (BLOCK_UNINIT) is made when its group is
 * first touched, and the flag goes.
 *
 * Blocks that a transaction frees are not given out again by it.
 */
import { corrupt } from '../../errors.js'
import { clearRange, countOnes, setRange } from '../../bytes/bitset.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import { blockBitmapChecksum } from '../format/bitmap.js'
import type { Filesystem } from '../read/filesystem.js'
import { changeGroupDescriptor } from '../format/group-descriptor.js'
import { groupLength, groupOfBlock, groupStart } from '../format/group-layout.js'
import { changeInode, type Inode, type InodeChange } from '../format/inode.js'
import { setFreeBlocks, superblockOffset, superblockSize } from '../format/superblock.js'
import type { Committer } from './committer.js'
import { writeBlocks } from '../../storage/coalesced-writes.js'

interface ChangedGroup {
  readonly bits: Uint8Array
  /** Blocks that became free, less those that were taken. */
  freed: number
}

export class Transaction {
  private readonly logged = new Map<FsBlock, Uint8Array>()
  private readonly fresh = new Map<FsBlock, Uint8Array>()
  private readonly groups = new Map<number, ChangedGroup>()
  private readonly inodes = new Map<number, { readonly inode: Inode; readonly change: InodeChange }>()

  private readonly filesystem: Filesystem

  constructor(filesystem: Filesystem) {
    this.filesystem = filesystem
  }

  get isEmpty(): boolean {
    return this.logged.size === 0 && this.fresh.size === 0 && this.groups.size === 0 && this.inodes.size === 0
  }

  /** Marks a run as in use. @throws corrupt when part of it is */
  async take(run: BlockRun): Promise<void> {
    for (const part of this.byGroup(run)) {
      const group = await this.group(part.group)
      if (countOnes(group.bits, part.from, part.to) !== 0) throw this.contradiction(part, 'is in use already')
      setRange(group.bits, part.from, part.to)
      group.freed -= part.to - part.from
    }
  }

  /** Marks a run as free. @throws corrupt when part of it is */
  async release(run: BlockRun): Promise<void> {
    for (const part of this.byGroup(run)) {
      const group = await this.group(part.group)
      if (countOnes(group.bits, part.from, part.to) !== part.to - part.from)
        throw this.contradiction(part, 'is free already')
      clearRange(group.bits, part.from, part.to)
      group.freed += part.to - part.from
    }
  }

  /** A group's bitmap as this transaction has it so far; not to be changed. */
  async bitmap(group: number): Promise<Uint8Array> {
    return this.groups.get(group)?.bits ?? this.filesystem.blockBitmap(group)
  }

  /**
   * Several changes of one inode add up, field by field.
   * @param inode as it is on the disk
   */
  setInode(inode: Inode, change: InodeChange): void {
    this.inodes.set(inode.number, { inode, change: { ...this.inodes.get(inode.number)?.change, ...change } })
  }

  /** New contents of a metadata block that is in use and stays. */
  rewrite(block: FsBlock, bytes: Uint8Array): void {
    this.logged.set(block, bytes)
  }

  /**
   * A metadata block as this transaction has it so far, to be changed in place. For
   * structures whose checksums and counts the caller keeps right.
   */
  async edit(block: FsBlock): Promise<Uint8Array> {
    let bytes = this.logged.get(block)
    if (!bytes) {
      bytes = new Uint8Array(await this.filesystem.blocks.read(block))
      this.logged.set(block, bytes)
    }
    return bytes
  }

  /** Contents of a block this transaction takes: written at once, past the journal. */
  writeFresh(block: FsBlock, bytes: Uint8Array): void {
    this.fresh.set(block, bytes)
  }

  /** Writes the fresh blocks and commits the others. On return the filesystem reads as changed. */
  async commit(committer: Committer): Promise<void> {
    await this.seal()
    await committer.ready()
    const fresh = sorted(this.fresh)
    await writeBlocks(this.filesystem.store, this.filesystem.blockSize, fresh)
    await committer.commit(this.logged)
    for (const [block, bytes] of [...fresh, ...sorted(this.logged)]) this.filesystem.wasWritten(block, bytes)
  }

  /** Blocks that go through the journal, once sealed. */
  get loggedBlocks(): ReadonlyMap<FsBlock, Uint8Array> {
    return this.logged
  }

  private async seal(): Promise<void> {
    const { superblock, groups } = this.filesystem
    let freed = 0
    for (const [number, group] of [...this.groups].sort(([a], [b]) => a - b)) {
      const descriptor = groups.get(number)
      this.logged.set(descriptor.blockBitmap, group.bits)
      const home = groups.home(number)
      const bytes = (await this.edit(fsBlock(home.block))).subarray(
        home.offset,
        home.offset + superblock.descriptorSize,
      )
      changeGroupDescriptor(bytes, number, superblock, {
        freeBlocks: descriptor.freeBlocks + group.freed,
        blockBitmapChecksum: blockBitmapChecksum(group.bits, superblock),
      })
      freed += group.freed
    }
    for (const { inode, change } of this.inodes.values()) {
      const { block, offset } = this.filesystem.inodeHome(inode.number)
      ;(await this.edit(fsBlock(block))).set(changeInode(inode, superblock, change), offset)
    }
    if (freed !== 0) {
      const block = await this.edit(fsBlock(Math.floor(superblockOffset / superblock.blockSize)))
      const at = superblockOffset % superblock.blockSize
      const left = superblock.freeBlocks + freed
      if (left < 0 || left > superblock.blockCount)
        throw corrupt('superblock', 0, `it counts ${superblock.freeBlocks} free blocks of ${superblock.blockCount}`)
      setFreeBlocks(block.subarray(at, at + superblockSize), superblock, left)
    }
  }

  private async group(number: number): Promise<ChangedGroup> {
    let group = this.groups.get(number)
    if (!group) {
      group = { bits: await this.filesystem.blockBitmap(number), freed: 0 }
      // A count that was wrong before would be wrong, or no number at all, afterwards.
      const length = groupLength(this.filesystem.superblock, number)
      const free = length - countOnes(group.bits, 0, length)
      const { freeBlocks } = this.filesystem.groups.get(number)
      if (free !== freeBlocks)
        throw corrupt('group descriptor', number, `it counts ${freeBlocks} free blocks, its bitmap has ${free}`)
      this.groups.set(number, group)
    }
    return group
  }

  /** The parts of a run in each group, in bits of the group's bitmap. */
  private *byGroup(run: BlockRun): Generator<{ group: number; from: number; to: number }> {
    const { superblock } = this.filesystem
    for (let at: number = run.start; at < run.start + run.length;) {
      const group = groupOfBlock(superblock, at)
      const start = groupStart(superblock, group)
      const to = Math.min(groupLength(superblock, group), run.start + run.length - start)
      yield { group, from: at - start, to }
      at = start + to
    }
  }

  private contradiction({ group, from, to }: { group: number; from: number; to: number }, what: string): Error {
    const run = blockRun(groupStart(this.filesystem.superblock, group) + from, to - from)
    return corrupt('block bitmap of group', group, `of the ${run.length} blocks from ${run.start} on, one ${what}`)
  }
}

const sorted = (blocks: ReadonlyMap<FsBlock, Uint8Array>): [FsBlock, Uint8Array][] =>
  [...blocks].sort(([a], [b]) => a - b)
