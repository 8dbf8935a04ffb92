/**
 * An inode: 128 bytes that every ext filesystem has, then extra fields and
 * in-inode attributes up to the inode size. Source of the layout:
 * Documentation/filesystems/ext4/inodes.rst.
 */
import { corrupt } from '../../errors.js'
import { crc32c, crc32cOfU32, crc32cOfZeros } from '../../bytes/crc32c.js'
import { getU16, getU32, putU16, putU32 } from '../../bytes/little-endian.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import type { FileType } from '../../volume/volume.js'
import type { Superblock } from './superblock.js'

/** Where i_block begins: extent tree root, block map, link target or inline data. */
const blockAreaOffset = 0x28
export const blockAreaSize = 60

export const inodeFlag = {
  immutable: 0x10,
  appendOnly: 0x20,
  encrypted: 0x800,
  indexedDirectory: 0x1000,
  journalData: 0x4000,
  hugeFile: 0x4_0000,
  extents: 0x8_0000,
  verity: 0x10_0000,
  eaInode: 0x20_0000,
  inlineData: 0x1000_0000,
  casefold: 0x4000_0000,
} as const

export interface Inode {
  readonly number: number
  /** The whole inode as it is on disk; not to be changed. */
  readonly raw: Uint8Array
  readonly type: FileType
  readonly mode: number
  readonly uid: number
  /** Bytes. */
  readonly size: number
  readonly links: number
  readonly flags: number
  /** What i_blocks says, in units of 512 bytes. */
  readonly sectors: number
  readonly generation: number
  /** The extended-attribute block; 0 when there is none. */
  readonly xattrBlock: FsBlock
  /** The 60 bytes of i_block. */
  readonly blockArea: Uint8Array
}

const typeOfMode: Readonly<Record<number, FileType>> = {
  0x1: 'fifo',
  0x2: 'character-device',
  0x4: 'directory',
  0x6: 'block-device',
  0x8: 'regular',
  0xa: 'symlink',
  0xc: 'socket',
}

const fileTypeOfMode = (mode: number): FileType => typeOfMode[mode >>> 12] ?? 'unknown'

/**
 * @param raw the bytes of the inode; kept, not copied
 * @throws corrupt when the checksum does not match
 */
export function decodeInode(raw: Uint8Array, number: number, superblock: Superblock): Inode {
  verifyInode(raw, 0, number, superblock)
  const mode = getU16(raw, 0x0)
  const type = fileTypeOfMode(mode)
  const flags = getU32(raw, 0x20)
  const sizeHigh = type === 'regular' || type === 'directory' ? getU32(raw, 0x6c) : 0
  const blocks =
    getU32(raw, 0x1c) + (superblock.features.names.has('huge_file') ? getU16(raw, 0x74) * 0x1_0000_0000 : 0)
  return {
    number,
    raw,
    type,
    mode,
    uid: getU16(raw, 0x2) + getU16(raw, 0x78) * 0x1_0000,
    size: getU32(raw, 0x4) + sizeHigh * 0x1_0000_0000,
    links: getU16(raw, 0x1a),
    flags,
    sectors: flags & inodeFlag.hugeFile ? blocks * (superblock.blockSize / 512) : blocks,
    generation: getU32(raw, 0x64),
    xattrBlock: fsBlock(xattrBlockAt(raw, 0, superblock)),
    blockArea: raw.subarray(blockAreaOffset, blockAreaOffset + blockAreaSize),
  }
}

/** i_file_acl of the inode at byte `at`. */
const xattrBlockAt = (bytes: Uint8Array, at: number, superblock: Superblock): number =>
  getU32(bytes, at + 0x68) + (superblock.features.names.has('64bit') ? getU16(bytes, at + 0x76) * 0x1_0000_0000 : 0)

/**
 * Checks the inode at byte `at` of `bytes`; without metadata_csum there is nothing to check.
 * @throws corrupt naming the inode
 */
function verifyInode(bytes: Uint8Array, at: number, number: number, superblock: Superblock): void {
  if (superblock.checksums !== 'crc32c') return
  const whole = inodeChecksum(bytes, at, number, superblock)
  const high = hasHighChecksum(bytes, at, superblock)
  const held = getU16(bytes, at + 0x7c) + (high ? getU16(bytes, at + 0x82) * 0x1_0000 : 0)
  if (held === (high ? whole : whole & 0xffff)) return
  // A slot cleared to zeros (a reserved inode nobody made) carries no checksum.
  if (isZero(bytes, at, superblock.inodeSize)) return
  throw corrupt('inode', number, 'its checksum does not match')
}

/** crc32c over the inode with its checksum fields as zeros; 32 bits. */
function inodeChecksum(bytes: Uint8Array, at: number, number: number, superblock: Superblock): number {
  const { inodeSize } = superblock
  const seed = inodeSeed(superblock, number, getU32(bytes, at + 0x64))
  let crc = crc32cOfZeros(crc32c(seed, bytes, at, at + 0x7c), 2)
  crc = crc32c(crc, bytes, at + 0x7e, at + 0x80)
  if (inodeSize === 128) return crc
  if (!hasHighChecksum(bytes, at, superblock)) return crc32c(crc, bytes, at + 0x80, at + inodeSize)
  crc = crc32cOfZeros(crc32c(crc, bytes, at + 0x80, at + 0x82), 2)
  return crc32c(crc, bytes, at + 0x84, at + inodeSize)
}

/** Start of every checksum over this inode's tree blocks and directory blocks. */
export const inodeSeed = (superblock: Superblock, number: number, generation: number): number =>
  crc32cOfU32(crc32cOfU32(superblock.checksumSeed, number), generation)

/** Whether i_extra_isize reaches over i_checksum_hi. */
const hasHighChecksum = (bytes: Uint8Array, at: number, superblock: Superblock): boolean =>
  superblock.inodeSize > 128 && getU16(bytes, at + 0x80) >= 4

function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false
  return true
}

export interface InodeChange {
  /** New contents of i_block, 60 bytes. */
  readonly blockArea?: Uint8Array
  readonly xattrBlock?: FsBlock
  /** In units of 512 bytes. */
  readonly sectors?: number
  /** Bytes; of a regular file. */
  readonly size?: number
}

/**
 * The inode's bytes after a change, closed with its checksum. Nothing else
 * changes: no time, no generation, no version.
 */
export function changeInode(inode: Inode, superblock: Superblock, change: InodeChange): Uint8Array {
  const raw = inode.raw.slice()
  if (change.blockArea) raw.set(change.blockArea.subarray(0, blockAreaSize), blockAreaOffset)
  if (change.xattrBlock !== undefined) {
    putU32(raw, 0x68, change.xattrBlock % 0x1_0000_0000)
    if (superblock.features.names.has('64bit')) putU16(raw, 0x76, Math.floor(change.xattrBlock / 0x1_0000_0000))
  }
  if (change.sectors !== undefined) {
    const units = inode.flags & inodeFlag.hugeFile ? change.sectors / (superblock.blockSize / 512) : change.sectors
    putU32(raw, 0x1c, units % 0x1_0000_0000)
    if (superblock.features.names.has('huge_file')) putU16(raw, 0x74, Math.floor(units / 0x1_0000_0000))
  }
  if (change.size !== undefined) {
    putU32(raw, 0x4, change.size % 0x1_0000_0000)
    putU32(raw, 0x6c, Math.floor(change.size / 0x1_0000_0000))
  }
  sealInode(raw, inode.number, superblock)
  return raw
}

/** Puts the checksum right for the number the inode has or is going to have; nothing without metadata_csum. */
export function sealInode(raw: Uint8Array, number: number, superblock: Superblock): void {
  if (superblock.checksums !== 'crc32c') return
  const checksum = inodeChecksum(raw, 0, number, superblock)
  putU16(raw, 0x7c, checksum & 0xffff)
  if (hasHighChecksum(raw, 0, superblock)) putU16(raw, 0x82, checksum >>> 16)
}
