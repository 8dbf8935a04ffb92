/**
 * An extended-attribute block: one block of names and values, shared by all inodes
 * whose attributes are the same; h_refcount counts them. Its checksum includes its
 * own block number, so it changes when the block moves. Source of the layout:
 * Documentation/filesystems/ext4/attributes.rst.
 */
import { corrupt } from '../../errors.js'
import { crc32c, crc32cOfU32, crc32cOfZeros } from '../../bytes/crc32c.js'
import { getU32, putU32 } from '../../bytes/little-endian.js'
import type { FsBlock } from '../../layout/block.js'
import type { Superblock } from './superblock.js'

const magic = 0xea02_0000

export interface XattrBlock {
  /** Inodes whose i_file_acl is this block. */
  readonly references: number
}

/** @throws corrupt naming the block */
export function decodeXattrBlock(bytes: Uint8Array, block: FsBlock, superblock: Superblock): XattrBlock {
  const bad = (problem: string): never => {
    throw corrupt('extended attribute block', block, problem)
  }
  const h_magic = getU32(bytes, 0)
  if (h_magic !== magic) bad(`magic number 0x${h_magic.toString(16)} instead of 0xea020000`)
  const h_refcount = getU32(bytes, 4)
  if (h_refcount === 0) bad('nobody refers to it by its own count')
  const h_blocks = getU32(bytes, 8)
  if (h_blocks !== 1) bad(`it says it is ${h_blocks} blocks long`)
  if (superblock.checksums === 'crc32c' && getU32(bytes, 0x10) !== xattrBlockChecksum(bytes, block, superblock))
    bad('its checksum does not match')
  return { references: h_refcount }
}

function xattrBlockChecksum(bytes: Uint8Array, block: number, superblock: Superblock): number {
  const number = crc32cOfU32(
    crc32cOfU32(superblock.checksumSeed, block % 0x1_0000_0000),
    Math.floor(block / 0x1_0000_0000),
  )
  return crc32c(crc32cOfZeros(crc32c(number, bytes, 0, 0x10), 4), bytes, 0x14)
}

/** Puts the checksum right for the place the block is going to; nothing without metadata_csum. */
export function sealXattrBlock(bytes: Uint8Array, block: FsBlock, superblock: Superblock): void {
  if (superblock.checksums === 'crc32c') putU32(bytes, 0x10, xattrBlockChecksum(bytes, block, superblock))
}
