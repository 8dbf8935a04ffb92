/**
 * The journal's own superblock: the first block of the journal inode, big-endian
 * as everything in the journal. It says where the log is, where its oldest
 * transaction that may still matter begins (s_start, 0 for none) and which
 * sequence number that one has. Source of the layout: the kernel's
 * Documentation/filesystems/ext4/journal.rst.
 */
import { corrupt, unsupported } from '../../errors.js'
import { crc32c } from '../../bytes/crc32c.js'

export const journalMagic = 0xc03b3998

export const journalBlockType = { descriptor: 1, commit: 2, superblock1: 3, superblock2: 4, revoke: 5 } as const

/** The part of the block that is defined, and that the checksum covers. */
export const journalSuperblockSize = 1024

export type JournalChecksums = 'none' | 'v2' | 'v3'

export interface JournalSuperblock {
  /** Block of the journal where the log begins. */
  readonly first: number
  /** One past the last block of the log; the area of fast commits lies behind it. */
  readonly end: number
  /** Of the transaction at `start`, or the one used last when the log is empty. */
  readonly sequence: number
  /** Block of the journal; 0 when there is nothing to replay. */
  readonly start: number
  /** Why jbd2 gave up on the journal, a negative errno; 0 for never. */
  readonly error: number
  /** Block numbers in tags have 64 bits. */
  readonly wide: boolean
  readonly checksums: JournalChecksums
  /** Whether there is an area for fast commits behind the log. */
  readonly fastCommit: boolean
  /** 16 bytes, zeros in a journal of version 1. */
  readonly uuid: Uint8Array
}

const incompat = {
  revoke: 0x1,
  wide: 0x2,
  asyncCommit: 0x4,
  checksums2: 0x8,
  checksums3: 0x10,
  fastCommit: 0x20,
} as const
const knownIncompat = Object.values(incompat).reduce((all, bit) => all | bit, 0)

/** Blocks for fast commits when the superblock leaves their number at 0. */
const defaultFastCommitBlocks = 256
/** jbd2 takes no smaller journal. */
const smallestJournal = 1024

/**
 * @param bytes         the first block of the journal, at least 1024 bytes
 * @param blockSize     bytes, of the filesystem
 * @param journalBlocks blocks the journal inode maps
 * @throws corrupt when a number cannot be right, unsupported naming a feature that is unknown
 */
export function decodeJournalSuperblock(
  bytes: Uint8Array,
  blockSize: number,
  journalBlocks: number,
): JournalSuperblock {
  const view = viewOf(bytes)
  const bad = (problem: string): never => {
    throw corrupt('journal superblock', 0, problem)
  }
  const h_magic = view.getUint32(0x0)
  if (h_magic !== journalMagic) bad(`its magic number is 0x${h_magic.toString(16)}, not 0x${journalMagic.toString(16)}`)
  const h_blocktype = view.getUint32(0x4)
  if (h_blocktype !== journalBlockType.superblock1 && h_blocktype !== journalBlockType.superblock2)
    bad(`its block type is ${h_blocktype}`)
  const version2 = h_blocktype === journalBlockType.superblock2

  const s_feature_incompat = version2 ? view.getUint32(0x28) : 0
  const s_feature_ro_compat = version2 ? view.getUint32(0x2c) : 0
  const unknown = (s_feature_incompat & ~knownIncompat) >>> 0
  if (unknown !== 0 || s_feature_ro_compat !== 0) {
    throw unsupported(
      'journal-feature',
      `The journal has a feature that is unknown here (0x${(unknown || s_feature_ro_compat).toString(16)}).`,
      'Use a newer bootpack, or make the journal anew: tune2fs -O ^has_journal, then tune2fs -O has_journal.',
    )
  }
  const has = (bit: number): boolean => (s_feature_incompat & bit) !== 0
  if (has(incompat.checksums2) && has(incompat.checksums3)) bad('it has checksums of version 2 and of version 3')
  const checksums = has(incompat.checksums3) ? 'v3' : has(incompat.checksums2) ? 'v2' : 'none'
  if (checksums !== 'none') {
    const s_checksum_type = bytes[0x50]!
    if (s_checksum_type !== 4)
      throw unsupported(
        'journal-checksum-type',
        `The journal has checksums of type ${s_checksum_type}; only crc32c (4) is known.`,
      )
    if (view.getUint32(0xfc) !== checksumOf(bytes)) bad('its checksum does not match')
  }

  const s_blocksize = view.getUint32(0xc)
  if (s_blocksize !== blockSize) bad(`its blocks have ${s_blocksize} bytes, those of the filesystem ${blockSize}`)
  const s_maxlen = view.getUint32(0x10)
  if (s_maxlen < smallestJournal || s_maxlen > journalBlocks)
    bad(`it counts ${s_maxlen} blocks of the ${journalBlocks} its inode has`)
  // mke2fs sets the number; the kernel turns the journal's feature on when it mounts.
  const s_num_fc_blks = version2 ? view.getUint32(0x54) : 0
  const fastCommitBlocks = s_num_fc_blks || (has(incompat.fastCommit) ? defaultFastCommitBlocks : 0)
  if (fastCommitBlocks >= s_maxlen) bad(`${fastCommitBlocks} of its ${s_maxlen} blocks are for fast commits`)
  const end = s_maxlen - fastCommitBlocks
  const first = view.getUint32(0x14)
  if (first < 1 || first >= end) bad(`its log begins at block ${first} of ${end}`)
  const start = view.getUint32(0x1c)
  if (start !== 0 && (start < first || start >= end))
    bad(`its oldest transaction is at block ${start}, the log at ${first} to ${end}`)
  return {
    first,
    end,
    sequence: view.getUint32(0x18),
    start,
    error: view.getInt32(0x20),
    wide: has(incompat.wide),
    checksums,
    fastCommit: fastCommitBlocks > 0,
    uuid: version2 ? new Uint8Array(bytes.subarray(0x30, 0x40)) : new Uint8Array(16),
  }
}

/**
 * Points the superblock at the log's oldest transaction. All that changes lies in
 * the first 512 bytes, so that a disk writes it whole or not at all.
 * @param bytes changed in place
 * @param start 0 for an empty log
 */
export function setJournalTail(bytes: Uint8Array, checksums: JournalChecksums, start: number, sequence: number): void {
  const view = viewOf(bytes)
  view.setUint32(0x18, sequence)
  view.setUint32(0x1c, start)
  sealJournalSuperblock(bytes, checksums)
}

/**
 * Turns on 64-bit block numbers, as the kernel does when it mounts a filesystem
 * with the 64bit feature. Only for an empty log: tags change their size with it.
 */
export function widenJournal(bytes: Uint8Array, checksums: JournalChecksums): void {
  const view = viewOf(bytes)
  view.setUint32(0x28, view.getUint32(0x28) | incompat.wide)
  sealJournalSuperblock(bytes, checksums)
}

function sealJournalSuperblock(bytes: Uint8Array, checksums: JournalChecksums): void {
  if (checksums !== 'none') viewOf(bytes).setUint32(0xfc, checksumOf(bytes))
}

function checksumOf(bytes: Uint8Array): number {
  const copy = new Uint8Array(bytes.subarray(0, journalSuperblockSize))
  copy.fill(0, 0xfc, 0x100)
  return crc32c(~0, copy)
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
