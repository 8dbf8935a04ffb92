/**
 * A transaction as it lies in the log:
 *
 *     descriptor, block, block, ... [descriptor, block, ...] commit
 *
 * A descriptor lists in tags where the blocks behind it belong. A block whose
 * first word is the journal's magic number would be taken for a record: its copy
 * in the log has a zero there and its tag the flag ESCAPE. A tag's size depends on
 * the journal's features:
 *
 *     csum_v3             blocknr 4, flags 4, blocknr_high 4, checksum 4
 *     else, all of them   blocknr 4, checksum 2, flags 2 [, blocknr_high 4 with 64bit]
 *     csum_v2             two bytes more than that, unused
 *
 * The first tag of a descriptor is followed by a UUID of 16 bytes. Checksums are
 * crc32c seeded with the journal's UUID: of a descriptor and a commit over the
 * block, of a data block over the sequence number and the copy in the log.
 */
import { crc32c } from '../../bytes/crc32c.js'
import type { FsBlock } from '../../layout/block.js'
import { journalBlockType, journalMagic, type JournalChecksums } from './journal-superblock.js'

export interface JournalFormat {
  /** Bytes. */
  readonly blockSize: number
  readonly wide: boolean
  readonly checksums: JournalChecksums
  readonly uuid: Uint8Array
}

export type LoggedBlock = readonly [block: FsBlock, bytes: Uint8Array]

/** Blocks of the log in order: all but the last may be written at once, the last one closes them. */
export interface EncodedTransaction {
  readonly body: readonly Uint8Array[]
  readonly commit: Uint8Array
}

const tagFlag = { escape: 1, sameUuid: 2, last: 8 } as const
const headerBytes = 12
const uuidBytes = 16
const tailBytes = 4

/** @returns bytes of one tag, without the UUID of the first */
export function tagBytes(format: Pick<JournalFormat, 'wide' | 'checksums'>): number {
  if (format.checksums === 'v3') return 16
  return 8 + (format.wide ? 4 : 0) + (format.checksums === 'v2' ? 2 : 0)
}

/** How many blocks one descriptor can list. */
export function tagsPerDescriptor(format: JournalFormat): number {
  const tail = format.checksums === 'none' ? 0 : tailBytes
  return Math.floor((format.blockSize - headerBytes - uuidBytes - tail) / tagBytes(format))
}

/** Blocks of the log that a transaction of `count` blocks takes, descriptors and commit included. */
export const logBlocksFor = (format: JournalFormat, count: number): number =>
  count + Math.ceil(count / tagsPerDescriptor(format)) + 1

/**
 * @param blocks  at least one; each block number once
 * @param seconds time of the commit since 1970; recovery only compares it
 */
export function encodeTransaction(
  format: JournalFormat,
  sequence: number,
  blocks: readonly LoggedBlock[],
  seconds: number,
): EncodedTransaction {
  const seed = crc32c(~0, format.uuid)
  const perDescriptor = tagsPerDescriptor(format)
  const body: Uint8Array[] = []
  for (let from = 0; from < blocks.length; from += perDescriptor) {
    const listed = blocks.slice(from, from + perDescriptor).map(([block, bytes]) => ({ block, ...escape(bytes) }))
    body.push(encodeDescriptor(format, seed, sequence, listed), ...listed.map((entry) => entry.bytes))
  }
  return { body, commit: encodeCommit(format, seed, sequence, seconds) }
}

interface ListedBlock {
  readonly block: FsBlock
  /** As they go into the log. */
  readonly bytes: Uint8Array
  readonly escaped: boolean
}

function escape(bytes: Uint8Array): { bytes: Uint8Array; escaped: boolean } {
  if (viewOf(bytes).getUint32(0) !== journalMagic) return { bytes, escaped: false }
  const copy = new Uint8Array(bytes)
  copy.fill(0, 0, 4)
  return { bytes: copy, escaped: true }
}

function encodeDescriptor(
  format: JournalFormat,
  seed: number,
  sequence: number,
  listed: readonly ListedBlock[],
): Uint8Array {
  const block = new Uint8Array(format.blockSize)
  const view = header(block, journalBlockType.descriptor, sequence)
  const sequenceBytes = Uint8Array.of(sequence >>> 24, sequence >>> 16, sequence >>> 8, sequence)
  const sequenceSeed = crc32c(seed, sequenceBytes)
  let at = headerBytes
  listed.forEach((entry, index) => {
    const flags =
      (entry.escaped ? tagFlag.escape : 0) |
      (index > 0 ? tagFlag.sameUuid : 0) |
      (index === listed.length - 1 ? tagFlag.last : 0)
    const high = Math.floor(entry.block / 0x1_0000_0000)
    if (high > 0 && !format.wide) throw new RangeError(`block ${entry.block} does not fit the journal's 32-bit tags`)
    view.setUint32(at, entry.block % 0x1_0000_0000)
    if (format.checksums === 'v3') {
      view.setUint32(at + 4, flags)
      view.setUint32(at + 8, high)
      view.setUint32(at + 12, crc32c(sequenceSeed, entry.bytes))
    } else {
      if (format.checksums === 'v2') view.setUint16(at + 4, crc32c(sequenceSeed, entry.bytes) & 0xffff)
      view.setUint16(at + 6, flags)
      if (format.wide) view.setUint32(at + 8, high)
    }
    at += tagBytes(format)
    if (index === 0) {
      block.set(format.uuid, at)
      at += uuidBytes
    }
  })
  if (format.checksums !== 'none') view.setUint32(format.blockSize - tailBytes, crc32c(seed, block))
  return block
}

function encodeCommit(format: JournalFormat, seed: number, sequence: number, seconds: number): Uint8Array {
  const block = new Uint8Array(format.blockSize)
  const view = header(block, journalBlockType.commit, sequence)
  view.setBigUint64(0x30, BigInt(seconds))
  if (format.checksums !== 'none') view.setUint32(0x10, crc32c(seed, block))
  return block
}

function header(block: Uint8Array, type: number, sequence: number): DataView {
  const view = viewOf(block)
  view.setUint32(0, journalMagic)
  view.setUint32(4, type)
  view.setUint32(8, sequence)
  return view
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
