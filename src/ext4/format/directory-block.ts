/**
 * One block of a directory: a chain of entries that fills it, each saying where the
 * next begins. In an indexed directory (htree) the index blocks disguise themselves
 * as blocks without used entries, so that walking all blocks one after the other
 * finds every name once. With metadata_csum a block of names ends in a 12-byte
 * pseudo entry with its checksum, an index block in an 8-byte tail behind the room
 * for index entries. Source: Documentation/filesystems/ext4/directory.rst.
 */
import { corrupt } from '../../errors.js'
import { crc32c, crc32cOfZeros } from '../../bytes/crc32c.js'
import { getU16, getU32, putU32 } from '../../bytes/little-endian.js'
import type { FileType } from '../../volume/volume.js'

const tailSize = 12
const tailType = 0xde

const typeOfEntry: readonly FileType[] = [
  'unknown',
  'regular',
  'directory',
  'character-device',
  'block-device',
  'fifo',
  'socket',
  'symlink',
]

/** What an entry is; `name` are bytes [start, end) of the block. Return true to stop. */
export type EntryVisitor = (inode: number, type: FileType, start: number, end: number) => boolean | void

export interface DirectoryFormat {
  /** Inode number of the directory. */
  readonly directory: number
  /** Entries carry the type of what they name (the filetype feature). */
  readonly types: boolean
  readonly inodeCount: number
  readonly blockSize: number
  /** Names are ciphertext, in which any byte may occur. */
  readonly encrypted: boolean
}

/**
 * Calls `visit` for every used entry but "." and "..".
 * @param bytes a whole block, or one of the two parts of an inline directory
 * @param dots  visit "." and ".." as well
 * @returns true when the visitor stopped
 * @throws corrupt "directory inode N" when the chain is broken or a name is impossible
 */
export function visitEntries(bytes: Uint8Array, format: DirectoryFormat, visit: EntryVisitor, dots = false): boolean {
  const bad = (at: number, problem: string): never => {
    throw corrupt('directory inode', format.directory, `the entry at byte ${at}: ${problem}`)
  }
  for (let at = 0; at + 8 <= bytes.length;) {
    const inode = getU32(bytes, at)
    const recordLength = entryLength(getU16(bytes, at + 4), format.blockSize)
    const nameLength = format.types ? bytes[at + 6]! : getU16(bytes, at + 6)
    if (recordLength < 12 || recordLength % 4 !== 0 || at + recordLength > bytes.length)
      bad(at, `a length of ${recordLength} bytes`)
    if (inode !== 0) {
      if (nameLength === 0 || 8 + nameLength > recordLength)
        bad(at, `a name of ${nameLength} bytes in an entry of ${recordLength}`)
      if (inode > format.inodeCount) bad(at, `it names inode ${inode} of ${format.inodeCount}`)
      const start = at + 8
      const end = start + nameLength
      const isDot = isDots(bytes, start, nameLength)
      if (dots || !isDot) {
        if (!format.encrypted && !isDot) {
          for (let i = start; i < end; i++)
            if (bytes[i] === 0x2f || bytes[i] === 0) bad(at, 'its name holds a slash or a zero byte')
        }
        if (visit(inode, format.types ? (typeOfEntry[bytes[at + 7]!] ?? 'unknown') : 'unknown', start, end) === true)
          return true
      }
    }
    at += recordLength
  }
  return false
}

/** Whether an entry's name is "." or "..". */
export const isDots = (bytes: Uint8Array, start: number, length: number): boolean =>
  length <= 2 && bytes[start] === 0x2e && (length === 1 || bytes[start + 1] === 0x2e)

/** Blocks of 64 KiB do not fit 16 bits: the two low bits, free because lengths are multiples of 4, hold the high ones. */
function entryLength(rec_len: number, blockSize: number): number {
  if (blockSize < 65536) return rec_len
  return rec_len === 0 || rec_len === 0xffff ? blockSize : (rec_len & 0xfffc) | ((rec_len & 3) << 16)
}

/**
 * Checks a directory block's checksum, of a block of names or of an index block.
 * @param seed  the inode's, see inodeSeed
 * @param where the file block, for the sentence of the error
 * @throws corrupt "directory inode N"
 */
export function verifyDirectoryBlock(bytes: Uint8Array, seed: number, directory: number, where: number): void {
  const bad = (problem: string): never => {
    throw corrupt('directory inode', directory, `file block ${where}: ${problem}`)
  }
  const entries = indexEntriesOffset(bytes)
  if (entries !== undefined) {
    const limit = getU16(bytes, entries)
    const count = getU16(bytes, entries + 2)
    const tail = entries + limit * 8
    if (count > limit || tail + 8 > bytes.length) bad(`${count} index entries in room for ${limit}`)
    const before = crc32c(crc32c(seed, bytes, 0, entries + count * 8), bytes, tail, tail + 4)
    if (getU32(bytes, tail + 4) !== crc32cOfZeros(before, 4)) bad('its checksum does not match')
    return
  }
  const tail = bytes.length - tailSize
  if (
    getU32(bytes, tail) !== 0 ||
    getU16(bytes, tail + 4) !== tailSize ||
    bytes[tail + 6] !== 0 ||
    bytes[tail + 7] !== tailType
  ) {
    bad('there is no room for its checksum')
  }
  if (getU32(bytes, tail + 8) !== crc32c(seed, bytes, 0, tail)) bad('its checksum does not match')
}

/**
 * Puts the checksum of a block right that {@link verifyDirectoryBlock} was content with.
 * @param seed the inode's, see inodeSeed
 */
export function sealDirectoryBlock(bytes: Uint8Array, seed: number): void {
  const entries = indexEntriesOffset(bytes)
  if (entries === undefined) {
    const tail = bytes.length - tailSize
    putU32(bytes, tail + 8, crc32c(seed, bytes, 0, tail))
    return
  }
  const tail = entries + getU16(bytes, entries) * 8
  const before = crc32c(crc32c(seed, bytes, 0, entries + getU16(bytes, entries + 2) * 8), bytes, tail, tail + 4)
  putU32(bytes, tail + 4, crc32cOfZeros(before, 4))
}

/**
 * Gives entries other inode numbers, "." and ".." like all others; names, types and
 * order stay, so that an index over the names stays right. The checksum is the caller's.
 * @param numbers new numbers by old ones
 * @returns how many entries changed
 * @throws corrupt as {@link visitEntries}
 */
export function renumberEntries(
  bytes: Uint8Array,
  format: DirectoryFormat,
  numbers: ReadonlyMap<number, number>,
): number {
  let changed = 0
  visitEntries(
    bytes,
    format,
    (inode, _type, start) => {
      const number = numbers.get(inode)
      if (number === undefined) return
      putU32(bytes, start - 8, number)
      changed++
    },
    true,
  )
  return changed
}

/** Byte of the index entries of an htree block: behind "..", or behind one empty entry; undefined in blocks of names. */
function indexEntriesOffset(bytes: Uint8Array): number | undefined {
  const first = entryLength(getU16(bytes, 4), bytes.length)
  if (getU32(bytes, 0) === 0 && first === bytes.length) return 8
  if (first !== 12 || entryLength(getU16(bytes, 16), bytes.length) !== bytes.length - 12) return undefined
  // dx_root_info: reserved_zero, hash_version, info_length 8
  return getU32(bytes, 24) === 0 && bytes[29] === 8 ? 32 : undefined
}
