import { clearRange, hasBit, setBit } from '../../bytes/bitset.js'
import type { BlockCache } from '../../storage/block-cache.js'
import { decodeGroupDescriptor, type GroupDescriptor } from '../format/group-descriptor.js'
import { descriptorBlock, descriptorBlockCount, descriptorsPerBlock } from '../format/group-layout.js'
import type { Superblock } from '../format/superblock.js'

const mostDecoded = 2048

/**
 * All group descriptors of a filesystem, held as the bytes on disk (64 KiB for
 * each TiB and 64-byte descriptor) and decoded one by one when asked for; some of
 * those asked for last stay decoded.
 */
export class GroupDescriptors {
  private readonly raw: Uint8Array
  /** Descriptors whose checksum was found right since they were last read. */
  private readonly verified: Uint8Array
  private readonly decoded = new Map<number, GroupDescriptor>()

  private readonly superblock: Superblock

  private constructor(superblock: Superblock) {
    this.superblock = superblock
    this.raw = new Uint8Array(descriptorBlockCount(superblock) * superblock.blockSize)
    this.verified = new Uint8Array(Math.ceil(superblock.groupCount / 8))
  }

  static async load(superblock: Superblock, blocks: BlockCache): Promise<GroupDescriptors> {
    const groups = new GroupDescriptors(superblock)
    const count = descriptorBlockCount(superblock)
    const together = Math.min(count, superblock.firstMetaGroup)
    if (together > 0) groups.raw.set(await blocks.readRun(descriptorBlock(superblock, 0), together))
    for (let n = together; n < count; n++) {
      groups.raw.set(await blocks.readRun(descriptorBlock(superblock, n), 1), n * superblock.blockSize)
    }
    return groups
  }

  /** @throws corrupt naming the group */
  get(group: number): GroupDescriptor {
    const known = this.decoded.get(group)
    if (known) return known
    const at = this.at(group)
    const bytes = this.raw.subarray(at, at + this.superblock.descriptorSize)
    const descriptor = decodeGroupDescriptor(bytes, group, this.superblock, hasBit(this.verified, group))
    setBit(this.verified, group)
    if (this.decoded.size >= mostDecoded) this.decoded.clear()
    this.decoded.set(group, descriptor)
    return descriptor
  }

  /** Where the primary copy of a descriptor is on disk. */
  home(group: number): { block: number; offset: number } {
    const perBlock = descriptorsPerBlock(this.superblock)
    return {
      block: descriptorBlock(this.superblock, Math.floor(group / perBlock)),
      offset: (group % perBlock) * this.superblock.descriptorSize,
    }
  }

  /** A copy of the whole descriptor block that holds a group's descriptor. */
  blockOf(group: number): Uint8Array {
    const { blockSize } = this.superblock
    const n = Math.floor(group / descriptorsPerBlock(this.superblock))
    return this.raw.slice(n * blockSize, (n + 1) * blockSize)
  }

  /** Takes over blocks that were written: those that are not descriptor blocks are ignored. */
  wasWritten(start: number, bytes: Uint8Array): void {
    const { blockSize, firstDataBlock, firstMetaGroup } = this.superblock
    const count = bytes.length / blockSize
    const total = descriptorBlockCount(this.superblock)
    const take = (n: number): void => {
      const at = (descriptorBlock(this.superblock, n) - start) * blockSize
      this.raw.set(bytes.subarray(at, at + blockSize), n * blockSize)
      const perBlock = descriptorsPerBlock(this.superblock)
      clearRange(this.verified, n * perBlock, Math.min((n + 1) * perBlock, this.superblock.groupCount))
      this.decoded.clear()
    }
    const first = Math.max(0, start - firstDataBlock - 1)
    for (let n = first; n < Math.min(total, firstMetaGroup, start + count - firstDataBlock - 1); n++) take(n)
    for (let n = firstMetaGroup; n < total; n++) {
      const block = descriptorBlock(this.superblock, n)
      if (block >= start && block < start + count) take(n)
    }
  }

  private at(group: number): number {
    const perBlock = descriptorsPerBlock(this.superblock)
    return (
      Math.floor(group / perBlock) * this.superblock.blockSize + (group % perBlock) * this.superblock.descriptorSize
    )
  }
}
