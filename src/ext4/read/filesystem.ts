/**
 * An ext4 filesystem in a Store: superblock and group descriptors in memory,
 * everything else read when asked for, checked, and kept as long as the block
 * cache has room. The reading side asks; the writing side goes through
 * {@link Filesystem.writeBlocks}, so that what is held never differs from what is
 * on disk.
 */
import { corrupt } from '../../errors.js'
import { hasBit, nextZero, setRange } from '../../bytes/bitset.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import type { FixedRun } from '../../volume/volume.js'
import { verifyBlockBitmap, verifyInodeBitmap } from '../format/bitmap.js'
import { BlockCache } from '../../storage/block-cache.js'
import { computeFixedRuns, overlapping } from './fixed-runs.js'
import { GroupDescriptors } from './group-descriptors.js'
import { groupLength, groupOfInode, groupStart } from '../format/group-layout.js'
import { decodeInode, type Inode } from '../format/inode.js'
import type { Store } from '../../storage/store.js'
import { decodeSuperblock, superblockOffset, superblockSize, type Superblock } from '../format/superblock.js'

export class Filesystem {
  readonly blocks: BlockCache
  private fixed: readonly FixedRun[] | undefined
  /**
   * What was made of a block's bytes, as long as the cache holds these very bytes: its
   * inodes by offset, and the inode bitmaps whose checksum was found right.
   */
  private readonly inodesOf = new WeakMap<Uint8Array, Map<number, Inode>>()
  private readonly verifiedBitmaps = new WeakSet<Uint8Array>()

  readonly store: Store
  /** Replaced as a whole when block 0 or 1 is written. */
  public superblock: Superblock
  readonly groups: GroupDescriptors

  private constructor(store: Store, superblock: Superblock, blocks: BlockCache, groups: GroupDescriptors) {
    this.store = store
    this.superblock = superblock
    this.groups = groups
    this.blocks = blocks
  }

  /**
   * Reads superblock and descriptors; decides nothing about writing.
   * @throws unsupported (not ext4, a refused feature), corrupt, io
   */
  static async open(store: Store): Promise<Filesystem> {
    if (store.size < superblockOffset + superblockSize)
      throw corrupt('superblock', 0, `only ${store.size} bytes, too few for a filesystem`)
    const bytes = new Uint8Array(superblockSize)
    await store.read(superblockOffset, bytes)
    const superblock = decodeSuperblock(bytes, store.size)
    const blocks = new BlockCache(store, superblock.blockSize)
    return new Filesystem(store, superblock, blocks, await GroupDescriptors.load(superblock, blocks))
  }

  get blockSize(): number {
    return this.superblock.blockSize
  }

  /** Blocks that never move: sorted, disjoint unless the filesystem is damaged. Computed once. */
  fixedRuns(): readonly FixedRun[] {
    this.fixed ??= computeFixedRuns(this.superblock, this.groups)
    return this.fixed
  }

  /** Whether a run lies among the blocks that groups manage. */
  inside(run: BlockRun): boolean {
    return (
      run.length >= 0 &&
      run.start >= this.superblock.firstDataBlock &&
      run.start + run.length <= this.superblock.blockCount
    )
  }

  /**
   * A group's block bitmap, a copy: bit n for block groupStart + n, ones beyond the
   * end. One that was never written (BLOCK_UNINIT) is made from the fixed runs.
   * @throws corrupt when its checksum does not match or fixed metadata is marked free
   */
  async blockBitmap(group: number): Promise<Uint8Array> {
    const descriptor = this.groups.get(group)
    const start = groupStart(this.superblock, group)
    const length = groupLength(this.superblock, group)
    let bits: Uint8Array
    if (descriptor.blocksUninitialised) bits = new Uint8Array(this.blockSize)
    else {
      const held = await this.blocks.read(descriptor.blockBitmap)
      verifyBlockBitmap(held, descriptor, this.superblock)
      bits = held.slice()
    }
    for (const run of overlapping(this.fixedRuns(), blockRun(start, length))) {
      const from = Math.max(0, run.start - start)
      const to = Math.min(length, run.start + run.length - start)
      if (descriptor.blocksUninitialised) setRange(bits, from, to)
      else if (nextZero(bits, from, to) < to)
        throw corrupt('block bitmap of group', group, `the ${run.kind} at block ${run.start} is marked free`)
    }
    setRange(bits, length, this.blockSize * 8)
    return bits
  }

  /** Brings the block bitmaps of groups [from, to) into the cache, as far as it has room. */
  async prefetchBlockBitmaps(from: number, to: number): Promise<void> {
    const blocks: number[] = []
    for (let group = from; group < to; group++) {
      const descriptor = this.groups.get(group)
      if (!descriptor.blocksUninitialised) blocks.push(descriptor.blockBitmap)
    }
    await this.blocks.prefetch(blocks)
  }

  /**
   * A group's inode bitmap: bit n for inode group * inodesPerGroup + 1 + n. Shared,
   * not to be changed.
   * @throws corrupt when its checksum does not match
   */
  async inodeBitmap(group: number): Promise<Uint8Array> {
    const descriptor = this.groups.get(group)
    if (descriptor.inodesUninitialised) return new Uint8Array(this.blockSize)
    const bits = await this.blocks.read(descriptor.inodeBitmap)
    if (!this.verifiedBitmaps.has(bits)) {
      verifyInodeBitmap(bits, descriptor, this.superblock)
      this.verifiedBitmaps.add(bits)
    }
    return bits
  }

  /** Where an inode is on disk. */
  inodeHome(inode: number): { block: number; offset: number } {
    const { inodesPerGroup, inodeSize, blockSize } = this.superblock
    const byte = ((inode - 1) % inodesPerGroup) * inodeSize
    return {
      block: this.groups.get(groupOfInode(this.superblock, inode)).inodeTable + Math.floor(byte / blockSize),
      offset: byte % blockSize,
    }
  }

  inodeInRange(inode: number): boolean {
    return Number.isInteger(inode) && inode >= 1 && inode <= this.superblock.inodeCount
  }

  /** Whether an inode within range is marked as used. */
  async inodeInUse(inode: number): Promise<boolean> {
    return hasBit(
      await this.inodeBitmap(groupOfInode(this.superblock, inode)),
      (inode - 1) % this.superblock.inodesPerGroup,
    )
  }

  /**
   * @throws corrupt when the number is out of range or the checksum does not match
   */
  async readInode(inode: number): Promise<Inode> {
    if (!this.inodeInRange(inode)) throw corrupt('inode', inode, `there are only ${this.superblock.inodeCount}`)
    const { block, offset } = this.inodeHome(inode)
    const held = await this.blocks.read(block)
    let decoded = this.inodesOf.get(held)
    if (!decoded) this.inodesOf.set(held, (decoded = new Map()))
    let found = decoded.get(offset)
    // Two groups of a damaged filesystem may have the same block in their tables.
    if (found?.number !== inode) {
      found = decodeInode(held.slice(offset, offset + this.superblock.inodeSize), inode, this.superblock)
      decoded.set(offset, found)
    }
    return found
  }

  /**
   * Writes whole blocks and takes over what they change of the superblock and the
   * descriptors. Not flushed.
   */
  async writeBlocks(start: number, bytes: Uint8Array): Promise<void> {
    await this.store.write(start * this.blockSize, bytes)
    this.wasWritten(start, bytes)
  }

  /** As {@link writeBlocks} for blocks that somebody already wrote to the store. */
  wasWritten(start: number, bytes: Uint8Array): void {
    this.blocks.forget(start, bytes.length / this.blockSize)
    this.groups.wasWritten(start, bytes)
    const at = superblockOffset - start * this.blockSize
    if (at >= 0 && at + superblockSize <= bytes.length) {
      this.superblock = decodeSuperblock(bytes.subarray(at, at + superblockSize), this.store.size)
    }
  }
}
