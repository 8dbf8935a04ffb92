/**
 * Block and inode bitmaps: one block per group each, bit n for the group's nth
 * block or inode, ones for what lies beyond the group's end. With metadata_csum
 * the checksum is in the group descriptor and covers only the bits a full group
 * has, not the padding to the end of the block.
 */
import { corrupt } from '../../errors.js'
import { crc32c } from '../../bytes/crc32c.js'
import type { GroupDescriptor } from './group-descriptor.js'
import type { Superblock } from './superblock.js'

/** All 32 bits; descriptors of 32 bytes keep the low 16. */
export const blockBitmapChecksum = (bytes: Uint8Array, superblock: Superblock): number =>
  crc32c(superblock.checksumSeed, bytes, 0, superblock.blocksPerGroup / 8)

/** All 32 bits, as {@link blockBitmapChecksum}. */
export const inodeBitmapChecksum = (bytes: Uint8Array, superblock: Superblock): number =>
  crc32c(superblock.checksumSeed, bytes, 0, superblock.inodesPerGroup / 8)

/** @throws corrupt naming the group */
export function verifyBlockBitmap(bytes: Uint8Array, descriptor: GroupDescriptor, superblock: Superblock): void {
  if (
    superblock.checksums === 'crc32c' &&
    heldPart(blockBitmapChecksum(bytes, superblock), superblock) !== descriptor.blockBitmapChecksum
  ) {
    throw corrupt('block bitmap of group', descriptor.group, 'its checksum does not match')
  }
}

/** @throws corrupt naming the group */
export function verifyInodeBitmap(bytes: Uint8Array, descriptor: GroupDescriptor, superblock: Superblock): void {
  if (
    superblock.checksums === 'crc32c' &&
    heldPart(inodeBitmapChecksum(bytes, superblock), superblock) !== descriptor.inodeBitmapChecksum
  ) {
    throw corrupt('inode bitmap of group', descriptor.group, 'its checksum does not match')
  }
}

const heldPart = (checksum: number, superblock: Superblock): number =>
  superblock.descriptorSize >= 64 ? checksum : checksum & 0xffff
