/**
 * Just enough of an ext4 writer to fill a fresh image without root and without going
 * through the code that is measured: inodes with extents, one-block directories,
 * bitmaps, descriptors, superblock. 4 KiB blocks, 64bit, metadata_csum, one group
 * descriptor table; e2fsck says whether it is right.
 *
 * Fields and checksums: Documentation/filesystems/ext4 in the kernel's sources.
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { crc32c, crc32cOfU32 } from '../../src/bytes/crc32c.js'
import { getU16, getU32, putU16, putU32 } from '../../src/bytes/little-endian.js'
import { setRange } from '../../src/bytes/bitset.js'

export const blockSize = 4096

export interface NewExtent {
  readonly logical: number
  readonly physical: number
  readonly length: number
}

export interface NewInode {
  readonly inode: number
  readonly directory: boolean
  readonly links: number
  /** Bytes. */
  readonly size: number
  /** At most 4, or up to 340 with a tree block. */
  readonly extents: readonly NewExtent[]
  readonly tree?: number
}

export interface NewEntry {
  readonly name: string
  readonly inode: number
  readonly directory: boolean
}

interface Group {
  readonly descriptor: Uint8Array
  readonly blockBitmap: number
  readonly inodeBitmap: number
  readonly inodeTable: number
}

/** Times of everything that is made: the same image every time. */
const time = 1_700_000_000
const inodeSize = 256
const descriptorSize = 64
const entriesPerBlock = 340
const typeOf = (directory: boolean): number => (directory ? 2 : 1)

export class Ext4Writer {
  private readonly descriptor: number
  private readonly superblock = Buffer.alloc(1024)
  private readonly seed: number
  readonly blockCount: number
  readonly blocksPerGroup: number
  readonly inodesPerGroup: number
  readonly groupCount: number
  private readonly groups: readonly Group[]

  constructor(path: string) {
    this.descriptor = openSync(path, 'r+')
    this.readAt(1024, this.superblock)
    const { superblock } = this
    this.seed = crc32c(~0, superblock, 0x68, 0x78)
    // metadata_csum_seed keeps it in a field.
    if ((getU32(superblock, 0x60) & 0x2000) !== 0) this.seed = getU32(superblock, 0x270)
    this.blockCount = getU32(superblock, 0x4) + getU32(superblock, 0x150) * 2 ** 32
    this.blocksPerGroup = getU32(superblock, 0x20)
    this.inodesPerGroup = getU32(superblock, 0x28)
    this.groupCount = Math.ceil(this.blockCount / this.blocksPerGroup)
    if (
      getU32(superblock, 0x18) !== 2 ||
      getU16(superblock, 0x58) !== inodeSize ||
      getU16(superblock, 0xfe) !== descriptorSize ||
      this.blockCount !== this.groupCount * this.blocksPerGroup
    )
      throw new Error('this is not the kind of filesystem that is filled here')
    const table = this.block(1, Math.ceil((this.groupCount * descriptorSize) / blockSize))
    this.groups = Array.from({ length: this.groupCount }, (_, group) => {
      const bytes = table.subarray(group * descriptorSize, (group + 1) * descriptorSize)
      const at = (low: number, high: number): number => getU32(bytes, low) + getU32(bytes, high) * 2 ** 32
      return { descriptor: bytes, blockBitmap: at(0, 0x20), inodeBitmap: at(4, 0x24), inodeTable: at(8, 0x28) }
    })
  }

  block(block: number, count = 1): Buffer {
    const bytes = Buffer.alloc(count * blockSize)
    this.readAt(block * blockSize, bytes)
    return bytes
  }

  write(block: number, bytes: Uint8Array): void {
    writeSync(this.descriptor, bytes, 0, bytes.length, block * blockSize)
  }

  groupOf(inode: number): number {
    return Math.floor((inode - 1) / this.inodesPerGroup)
  }

  /** The first inode that is not in use in a fresh filesystem. */
  firstFreeInode(): number {
    const bits = this.block(this.groups[0]!.inodeBitmap)
    let inode = 1
    while (((bits[(inode - 1) >> 3]! >> ((inode - 1) & 7)) & 1) === 1) inode++
    return inode
  }

  /** A directory's only block. */
  directoryBlock(inode: number, parent: number, entries: readonly NewEntry[]): Uint8Array {
    const bytes = new Uint8Array(blockSize)
    const all = [{ name: '.', inode, directory: true }, { name: '..', inode: parent, directory: true }, ...entries]
    let at = 0
    all.forEach((entry, i) => {
      const length = i === all.length - 1 ? blockSize - 12 - at : 8 + Math.ceil(entry.name.length / 4) * 4
      if (at + 8 + entry.name.length > blockSize - 12) throw new Error('too many names for one block')
      putU32(bytes, at, entry.inode)
      putU16(bytes, at + 4, length)
      bytes[at + 6] = entry.name.length
      bytes[at + 7] = typeOf(entry.directory)
      bytes.set(Buffer.from(entry.name, 'latin1'), at + 8)
      at += length
    })
    putU16(bytes, blockSize - 8, 12)
    bytes[blockSize - 5] = 0xde
    putU32(bytes, blockSize - 4, crc32c(this.inodeSeed(inode, 0), bytes, 0, blockSize - 12))
    return bytes
  }

  /** The same directory with more names at its end; it has one block. */
  addToDirectory(inode: number, block: number, entries: readonly NewEntry[], links: number): void {
    const old = this.block(block)
    const kept: NewEntry[] = []
    let parent = inode
    for (let at = 0; at < blockSize - 12; at += getU16(old, at + 4)) {
      const entry = {
        name: old.toString('latin1', at + 8, at + 8 + old[at + 6]!),
        inode: getU32(old, at),
        directory: old[at + 7] === 2,
      }
      if (entry.name === '..') parent = entry.inode
      else if (entry.name !== '.' && entry.inode !== 0) kept.push(entry)
    }
    this.write(block, this.directoryBlock(inode, parent, [...kept, ...entries]))
    const table =
      this.groups[this.groupOf(inode)]!.inodeTable * blockSize + ((inode - 1) % this.inodesPerGroup) * inodeSize
    const bytes = Buffer.alloc(inodeSize)
    this.readAt(table, bytes)
    putU16(bytes, 0x1a, links)
    this.sealInode(bytes, inode)
    writeSync(this.descriptor, bytes, 0, inodeSize, table)
  }

  /** Writes the inodes of one group, and the tree blocks of those that have one. */
  writeInodes(group: number, inodes: readonly NewInode[]): void {
    const tableBlocks = (this.inodesPerGroup * inodeSize) / blockSize
    const table = this.block(this.groups[group]!.inodeTable, tableBlocks)
    for (const inode of inodes) {
      const at = ((inode.inode - 1) % this.inodesPerGroup) * inodeSize
      table.set(this.inodeBytes(inode), at)
    }
    this.write(this.groups[group]!.inodeTable, table)
  }

  /** Marks what is in use in a group and brings its descriptor in line. */
  finishGroup(
    group: number,
    inodes: readonly NewInode[],
    freeRuns: readonly (readonly [start: number, length: number])[],
  ): { freeBlocks: number; freeInodes: number } {
    const { descriptor, blockBitmap, inodeBitmap } = this.groups[group]!
    const start = group * this.blocksPerGroup
    const blocks = new Uint8Array(blockSize)
    setRange(blocks, 0, this.blocksPerGroup)
    let freeBlocks = 0
    for (const [from, length] of freeRuns) {
      for (let block = from - start; block < from - start + length; block++) blocks[block >> 3]! &= ~(1 << (block & 7))
      freeBlocks += length
    }
    this.write(blockBitmap, blocks)
    const flags = getU16(descriptor, 0x12)
    // INODE_UNINIT: there is no bitmap yet; what lies beyond the group's inodes counts as used.
    const bits = (flags & 1) !== 0 ? Buffer.alloc(blockSize) : this.block(inodeBitmap)
    setRange(bits, this.inodesPerGroup, blockSize * 8)
    for (const { inode } of inodes) {
      const bit = (inode - 1) % this.inodesPerGroup
      bits[bit >> 3]! |= 1 << (bit & 7)
    }
    this.write(inodeBitmap, bits)
    let lastUsed = 0
    let used = 0
    for (let bit = 0; bit < this.inodesPerGroup; bit++) {
      if (((bits[bit >> 3]! >> (bit & 7)) & 1) === 0) continue
      lastUsed = bit + 1
      used++
    }
    const freeInodes = this.inodesPerGroup - used
    const directories = inodes.filter(({ directory }) => directory).length + getU16(descriptor, 0x10)
    putU16(descriptor, 0xc, freeBlocks)
    putU16(descriptor, 0xe, freeInodes)
    putU16(descriptor, 0x10, directories)
    putU16(descriptor, 0x12, 4) // inode table zeroed, nothing uninitialised
    putU16(descriptor, 0x1c, this.inodesPerGroup - lastUsed)
    const blockSum = crc32c(this.seed, blocks, 0, this.blocksPerGroup / 8)
    const inodeSum = crc32c(this.seed, bits, 0, this.inodesPerGroup / 8)
    putU16(descriptor, 0x18, blockSum & 0xffff)
    putU16(descriptor, 0x38, blockSum >>> 16)
    putU16(descriptor, 0x1a, inodeSum & 0xffff)
    putU16(descriptor, 0x3a, inodeSum >>> 16)
    putU16(descriptor, 0x1e, 0)
    putU16(descriptor, 0x1e, crc32c(crc32cOfU32(this.seed, group), descriptor) & 0xffff)
    return { freeBlocks, freeInodes }
  }

  /** Descriptors and superblock; to be called last. */
  close(freeBlocks: number, freeInodes: number): void {
    const table = Buffer.alloc(Math.ceil((this.groupCount * descriptorSize) / blockSize) * blockSize)
    this.groups.forEach(({ descriptor }, group) => table.set(descriptor, group * descriptorSize))
    this.write(1, table)
    const { superblock } = this
    putU32(superblock, 0xc, freeBlocks % 2 ** 32)
    putU32(superblock, 0x158, Math.floor(freeBlocks / 2 ** 32))
    putU32(superblock, 0x10, freeInodes)
    putU32(superblock, 0x3fc, crc32c(~0, superblock, 0, 0x3fc))
    writeSync(this.descriptor, superblock, 0, superblock.length, 1024)
    fsyncSync(this.descriptor)
    closeSync(this.descriptor)
  }

  private inodeBytes({ inode, directory, links, size, extents, tree }: NewInode): Uint8Array {
    const bytes = new Uint8Array(inodeSize)
    putU16(bytes, 0, directory ? 0o40755 : 0o100644)
    putU32(bytes, 0x4, size % 2 ** 32)
    putU32(bytes, 0x6c, Math.floor(size / 2 ** 32))
    for (const field of [0x8, 0xc, 0x10, 0x90]) putU32(bytes, field, time)
    putU16(bytes, 0x1a, links)
    const blocks = extents.reduce((sum, { length }) => sum + length, 0) + (tree === undefined ? 0 : 1)
    putU32(bytes, 0x1c, blocks * (blockSize / 512))
    putU32(bytes, 0x20, 0x80000)
    const root = bytes.subarray(0x28, 0x64)
    if (tree === undefined) this.putExtents(root, extents, 4, 0)
    else {
      putU16(root, 0, 0xf30a)
      putU16(root, 2, 1)
      putU16(root, 4, 4)
      putU16(root, 6, 1)
      putU32(root, 16, tree % 2 ** 32)
      putU16(root, 20, Math.floor(tree / 2 ** 32))
      const leaf = new Uint8Array(blockSize)
      this.putExtents(leaf, extents, entriesPerBlock, 0)
      putU32(leaf, blockSize - 4, crc32c(this.inodeSeed(inode, 0), leaf, 0, blockSize - 4))
      this.write(tree, leaf)
    }
    putU16(bytes, 0x80, 32)
    this.sealInode(bytes, inode)
    return bytes
  }

  private putExtents(node: Uint8Array, extents: readonly NewExtent[], most: number, depth: number): void {
    if (extents.length > most) throw new Error(`${extents.length} extents in a node for ${most}`)
    putU16(node, 0, 0xf30a)
    putU16(node, 2, extents.length)
    putU16(node, 4, most)
    putU16(node, 6, depth)
    extents.forEach(({ logical, physical, length }, i) => {
      putU32(node, 12 + 12 * i, logical)
      putU16(node, 16 + 12 * i, length)
      putU16(node, 18 + 12 * i, Math.floor(physical / 2 ** 32))
      putU32(node, 20 + 12 * i, physical % 2 ** 32)
    })
  }

  private inodeSeed(inode: number, generation: number): number {
    return crc32cOfU32(crc32cOfU32(this.seed, inode), generation)
  }

  private sealInode(bytes: Uint8Array, inode: number): void {
    putU16(bytes, 0x7c, 0)
    putU16(bytes, 0x82, 0)
    const sum = crc32c(this.inodeSeed(inode, getU32(bytes, 0x64)), bytes)
    putU16(bytes, 0x7c, sum & 0xffff)
    putU16(bytes, 0x82, sum >>> 16)
  }

  private readAt(offset: number, bytes: Buffer): void {
    if (readSync(this.descriptor, bytes, 0, bytes.length, offset) !== bytes.length)
      throw new Error('the image is too short')
  }
}
