/**
 * The superblock: 1024 bytes at byte 1024 of the filesystem, with copies at the
 * start of some groups. Source of the layout: the kernel's
 * Documentation/filesystems/ext4/super.rst.
 */
import { corrupt, unsupported } from '../../errors.js'
import { crc32c } from '../../bytes/crc32c.js'
import { getU16, getU32, getU64, putU32 } from '../../bytes/little-endian.js'
import { decodeFeatures, type Features } from './features.js'

export const superblockOffset = 1024
export const superblockSize = 1024

/** All group descriptors are held in memory: this is an exbibyte of 4 KiB blocks. */
const mostDescriptorBytes = 512 * 1024 * 1024

/** What group descriptors are protected by; inodes, bitmaps and blocks only by crc32c. */
export type ChecksumKind = 'none' | 'crc16' | 'crc32c'

export interface Superblock {
  readonly features: Features
  readonly checksums: ChecksumKind
  /** Start of every crc32c but the superblock's own. */
  readonly checksumSeed: number
  readonly uuid: string
  readonly uuidBytes: Uint8Array
  readonly volumeName: string
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
  readonly firstDataBlock: number
  readonly blocksPerGroup: number
  readonly groupCount: number
  readonly inodeCount: number
  readonly inodesPerGroup: number
  /** Bytes. */
  readonly inodeSize: number
  /** First inode number that is not reserved. */
  readonly firstInode: number
  /** Bytes of one group descriptor: 32, or 64 and more with 64bit. */
  readonly descriptorSize: number
  readonly groupsPerFlex: number
  /** Descriptor blocks before this one lie together; later ones lie in their meta group. */
  readonly firstMetaGroup: number
  readonly reservedDescriptorBlocks: number
  /** With sparse_super2: the groups that hold the copies; 0 for none. */
  readonly backupGroups: readonly [number, number]
  readonly freeBlocks: number
  readonly freeInodes: number

  /** The word s_state: 1 cleanly unmounted, 2 errors seen, 4 orphans being recovered. */
  readonly state: number
  readonly errorCount: number
  /** Head of the list of inodes to delete; 0 when there is none. */
  readonly lastOrphan: number
  readonly journalInode: number
  readonly journalDevice: number
  /** 0 without mmp. */
  readonly mmpBlock: number
  /** Seconds, of multiple-mount protection: within which who uses the filesystem shows it. */
  readonly mmpInterval: number
  /** Inodes of user, group and project quota, those that are set. */
  readonly quotaInodes: readonly number[]
  /**
   * Whatever the fields for quota and orphan files name, with their feature or without:
   * the kernel opens nothing else by these numbers (is_special_ino), so that a file there
   * would be lost to it.
   */
  readonly claimedInodes: readonly number[]
}

/**
 * @param bytes     the 1024 bytes
 * @param storeSize bytes there are for the filesystem, to notice one that was cut off
 * @throws unsupported when this is no ext filesystem or has a feature that is refused,
 *         corrupt when its numbers contradict each other
 */
export function decodeSuperblock(bytes: Uint8Array, storeSize: number): Superblock {
  const s_magic = getU16(bytes, 0x38)
  if (s_magic !== 0xef53) {
    throw unsupported(
      'not-ext4',
      `No ext4 filesystem here: the magic number is 0x${s_magic.toString(16).padStart(4, '0')}, not 0xef53.`,
    )
  }
  const bad = (problem: string): never => {
    throw corrupt('superblock', 0, problem)
  }
  // In revision 0, of 1995, inodes have one size, and what is said of features means nothing.
  const dynamic = getU32(bytes, 0x4c) > 0
  const features = dynamic
    ? decodeFeatures(getU32(bytes, 0x5c), getU32(bytes, 0x60), getU32(bytes, 0x64))
    : decodeFeatures(0, 0, 0)
  const has = (name: string): boolean => features.names.has(name)

  const checksums: ChecksumKind = has('metadata_csum') ? 'crc32c' : has('uninit_bg') ? 'crc16' : 'none'
  if (checksums === 'crc32c') {
    const s_checksum_type = bytes[0x175]!
    if (s_checksum_type !== 1)
      throw unsupported(
        'checksum-type',
        `The filesystem has checksums of type ${s_checksum_type}; only crc32c (1) is known.`,
      )
    if (getU32(bytes, 0x3fc) !== superblockChecksum(bytes)) bad('its checksum does not match')
  }

  const s_log_block_size = getU32(bytes, 0x18)
  if (s_log_block_size > 6) bad(`block size 2^${10 + s_log_block_size} is not 1 KiB to 64 KiB`)
  const blockSize = 1024 << s_log_block_size
  const wide = has('64bit')
  const s_blocks_count_hi = wide ? getU32(bytes, 0x150) : 0
  const blockCount = getU32(bytes, 0x4) + s_blocks_count_hi * 0x1_0000_0000
  const firstDataBlock = getU32(bytes, 0x14)
  if (firstDataBlock !== (blockSize === 1024 ? 1 : 0))
    bad(`first data block ${firstDataBlock} with blocks of ${blockSize} bytes`)
  const blocksPerGroup = getU32(bytes, 0x20)
  if (blocksPerGroup < 256 || blocksPerGroup > blockSize * 8 || blocksPerGroup % 8 !== 0)
    bad(`${blocksPerGroup} blocks per group`)
  if (blockCount <= firstDataBlock || blockCount >= 2 ** 48) bad(`${blockCount} blocks`)
  if (blockCount * blockSize > storeSize) {
    throw corrupt(
      'superblock',
      0,
      `it counts ${blockCount} blocks of ${blockSize} bytes, but there are only ${storeSize} bytes`,
      'What holds it was cut off: copy the image again, or enlarge the partition to what it was.',
    )
  }
  const groupCount = Math.ceil((blockCount - firstDataBlock) / blocksPerGroup)

  const inodeSize = dynamic ? getU16(bytes, 0x58) : 128
  if (inodeSize < 128 || inodeSize > blockSize || (inodeSize & (inodeSize - 1)) !== 0)
    bad(`inodes of ${inodeSize} bytes`)
  const inodesPerGroup = getU32(bytes, 0x28)
  if (inodesPerGroup < blockSize / inodeSize || inodesPerGroup > blockSize * 8 || inodesPerGroup % 8 !== 0)
    bad(`${inodesPerGroup} inodes per group`)
  const inodeCount = getU32(bytes, 0x0)
  if (inodeCount !== groupCount * inodesPerGroup)
    bad(`${inodeCount} inodes in ${groupCount} groups of ${inodesPerGroup}`)
  const firstInode = dynamic ? getU32(bytes, 0x54) : 11
  if (firstInode < 11 || firstInode > inodeCount) bad(`first unreserved inode ${firstInode}`)

  const s_desc_size = getU16(bytes, 0xfe)
  const descriptorSize = wide ? s_desc_size : 32
  if (wide && (s_desc_size < 64 || s_desc_size > 1024 || (s_desc_size & (s_desc_size - 1)) !== 0))
    bad(`group descriptors of ${s_desc_size} bytes`)
  if (groupCount * descriptorSize > mostDescriptorBytes)
    throw unsupported('too-large', `The filesystem has ${groupCount} block groups, more than can be held in memory.`)
  const descriptorBlocks = Math.ceil(groupCount / (blockSize / descriptorSize))
  const firstMetaGroup = has('meta_bg') ? getU32(bytes, 0x104) : descriptorBlocks
  if (firstMetaGroup > descriptorBlocks) bad(`first meta group ${firstMetaGroup} of ${descriptorBlocks}`)
  const reservedDescriptorBlocks = dynamic ? getU16(bytes, 0xce) : 0
  if (reservedDescriptorBlocks > blockSize / 4) bad(`${reservedDescriptorBlocks} reserved descriptor blocks`)
  const s_log_groups_per_flex = has('flex_bg') ? bytes[0x174]! : 0
  if (s_log_groups_per_flex > 31) bad(`2^${s_log_groups_per_flex} groups per flexible group`)

  const uuidBytes = bytes.slice(0x68, 0x78)
  const checksumSeed = has('metadata_csum_seed') ? getU32(bytes, 0x270) : crc32c(~0, uuidBytes)
  return {
    features,
    checksums,
    checksumSeed,
    uuid: formatUuid(uuidBytes),
    uuidBytes,
    volumeName: cString(bytes.subarray(0x78, 0x88)),
    blockSize,
    blockCount,
    firstDataBlock,
    blocksPerGroup,
    groupCount,
    inodeCount,
    inodesPerGroup,
    inodeSize,
    firstInode,
    descriptorSize,
    groupsPerFlex: 2 ** s_log_groups_per_flex,
    firstMetaGroup,
    reservedDescriptorBlocks: has('meta_bg') ? 0 : reservedDescriptorBlocks,
    backupGroups: [getU32(bytes, 0x24c), getU32(bytes, 0x250)],
    freeBlocks: getU32(bytes, 0xc) + (wide ? getU32(bytes, 0x158) * 0x1_0000_0000 : 0),
    freeInodes: getU32(bytes, 0x10),
    state: getU16(bytes, 0x3a),
    errorCount: getU32(bytes, 0x194),
    lastOrphan: getU32(bytes, 0xe8),
    journalInode: has('has_journal') ? getU32(bytes, 0xe0) : 0,
    journalDevice: has('has_journal') ? getU32(bytes, 0xe4) : 0,
    mmpBlock: has('mmp') ? getU64(bytes, 0x168) : 0,
    mmpInterval: has('mmp') ? getU16(bytes, 0x166) : 0,
    quotaInodes: [
      ...(has('quota') ? [getU32(bytes, 0x240), getU32(bytes, 0x244)] : []),
      ...(has('quota') && has('project') ? [getU32(bytes, 0x26c)] : []),
    ].filter((inode) => inode !== 0),
    claimedInodes: (dynamic ? [0x240, 0x244, 0x26c, 0x280] : [])
      .map((at) => getU32(bytes, at))
      .filter((inode) => inode !== 0),
  }
}

/** crc32c over all but the checksum itself; it starts at ~0, not at the seed. */
const superblockChecksum = (bytes: Uint8Array): number => crc32c(~0, bytes, 0, 0x3fc)

/**
 * Changes the count of free blocks and closes the superblock with its checksum.
 * @param bytes the 1024 bytes, changed in place
 */
export function setFreeBlocks(bytes: Uint8Array, superblock: Superblock, freeBlocks: number): void {
  if (freeBlocks < 0 || freeBlocks > superblock.blockCount)
    throw new RangeError(`${freeBlocks} free blocks of ${superblock.blockCount}`)
  putU32(bytes, 0xc, freeBlocks % 0x1_0000_0000)
  if (superblock.features.names.has('64bit')) putU32(bytes, 0x158, Math.floor(freeBlocks / 0x1_0000_0000))
  sealSuperblock(bytes, superblock)
}

/** Puts the checksum right after any change; nothing without metadata_csum. */
export function sealSuperblock(bytes: Uint8Array, superblock: Superblock): void {
  if (superblock.checksums === 'crc32c') putU32(bytes, 0x3fc, superblockChecksum(bytes))
}

function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString('utf8')
}
