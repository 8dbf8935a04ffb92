/**
 * Puts every checksum right after bytes were changed, so that what lies behind the
 * checksums is reached. Structures are taken to be where the good image has them.
 */
import { blockBitmapChecksum } from '../../src/ext4/format/bitmap.js'
import { crc32c, crc32cOfZeros } from '../../src/bytes/crc32c.js'
import { getU16, getU32, putU16, putU32 } from '../../src/bytes/little-endian.js'
import { fsBlock } from '../../src/layout/block.js'
import { sealExtentBlock } from '../../src/ext4/format/extent-node.js'
import { groupDescriptorChecksum } from '../../src/ext4/format/group-descriptor.js'
import { changeInode, inodeSeed, type Inode } from '../../src/ext4/format/inode.js'
import { setJournalTail } from '../../src/ext4/format/journal-superblock.js'
import { sealSuperblock, type Superblock } from '../../src/ext4/format/superblock.js'
import { sealXattrBlock } from '../../src/ext4/format/xattr-block.js'
import type { BaseImage, Region } from './base-image.js'

export function seal(bytes: Uint8Array, { filesystem, regions }: BaseImage): void {
  const { superblock } = filesystem
  const part = ({ offset, length }: Region): Uint8Array => bytes.subarray(offset, offset + length)
  const inodes = new Map(regions.filter(({ kind }) => kind === 'inode').map((region) => [region.number, part(region)]))
  const descriptors = new Map(
    regions.filter(({ kind }) => kind === 'descriptor').map((region) => [region.number, part(region)]),
  )
  for (const region of regions) {
    const held = part(region)
    const owner = inodes.get(region.number)
    const seed = (): number => inodeSeed(superblock, region.number, owner ? getU32(owner, 0x64) : 0)
    switch (region.kind) {
      case 'tree-block':
        if (superblock.checksums === 'crc32c') sealExtentBlock(held, seed())
        break
      case 'directory':
        if (superblock.checksums === 'crc32c') sealDirectoryBlock(held, seed())
        break
      case 'xattr':
        sealXattrBlock(held, fsBlock(region.offset / superblock.blockSize), superblock)
        break
      case 'inode':
        // A slot that was never used carries no checksum.
        if (held.some((byte) => byte !== 0))
          held.set(changeInode({ raw: held, number: region.number } as Inode, superblock, {}))
        break
      case 'block-bitmap':
        sealBitmap(descriptors.get(region.number)!, 0x18, 0x38, blockBitmapChecksum(held, superblock), superblock)
        break
      case 'inode-bitmap':
        sealBitmap(
          descriptors.get(region.number)!,
          0x1a,
          0x3a,
          crc32c(superblock.checksumSeed, held, 0, superblock.inodesPerGroup / 8),
          superblock,
        )
        break
      case 'journal': {
        const view = new DataView(held.buffer, held.byteOffset)
        if (held[0x50] === 4) setJournalTail(held, 'v3', view.getUint32(0x1c), view.getUint32(0x18))
        break
      }
      case 'superblock':
      case 'descriptor':
      case 'map-block':
      case 'symlink':
        break
    }
  }
  if (superblock.checksums !== 'none') {
    for (const [group, held] of descriptors) putU16(held, 0x1e, groupDescriptorChecksum(held, group, superblock))
  }
  sealSuperblock(bytes.subarray(1024, 2048), superblock)
}

function sealBitmap(descriptor: Uint8Array, low: number, high: number, checksum: number, superblock: Superblock): void {
  // One that was never written (bit 1 for blocks, 0 for inodes) carries no checksum.
  if (superblock.checksums !== 'crc32c' || getU16(descriptor, 0x12) & (low === 0x18 ? 2 : 1)) return
  putU16(descriptor, low, checksum & 0xffff)
  if (superblock.descriptorSize >= 64) putU16(descriptor, high, checksum >>> 16)
}

/** Of an index block where it looks like one, of a block of names else. */
function sealDirectoryBlock(bytes: Uint8Array, seed: number): void {
  const entries =
    getU32(bytes, 0) === 0 && getU16(bytes, 4) === bytes.length
      ? 8
      : getU16(bytes, 4) === 12 && getU16(bytes, 16) === bytes.length - 12 && bytes[29] === 8
        ? 32
        : 0
  const tail = entries === 0 ? bytes.length - 12 : entries + getU16(bytes, entries) * 8
  if (entries === 0) putU32(bytes, tail + 8, crc32c(seed, bytes, 0, tail))
  else if (tail + 8 <= bytes.length) {
    const count = Math.min(getU16(bytes, entries + 2), getU16(bytes, entries))
    putU32(
      bytes,
      tail + 4,
      crc32cOfZeros(crc32c(crc32c(seed, bytes, 0, entries + count * 8), bytes, tail, tail + 4), 4),
    )
  }
}
