/**
 * An inode's extended attributes, in the inode itself and in its block. Source of the layout:
 * Documentation/filesystems/ext4/attributes.rst.
 */
import { corrupt } from '../../errors.js'
import { getU16, getU32 } from '../../bytes/little-endian.js'
import type { Inode } from './inode.js'

const magic = 0xea02_0000
/** Bytes of the header of an attribute block. */
const blockHeader = 32

/** e_name_index of the namespaces that are asked for. */
export const xattrIndex = { user: 1, trusted: 4, security: 6, system: 7 } as const

export interface XattrEntry {
  /** Namespace, see {@link xattrIndex}. */
  readonly index: number
  /** Without the namespace. */
  readonly name: string
  /** Inode that holds the value (the ea_inode feature); 0 when it lies with the name. */
  readonly valueInode: number
  /** 0 where none was kept. */
  readonly hash: number
  /** A view; undefined where the value lies elsewhere or outside its place. */
  readonly value: Uint8Array | undefined
}

/** Attributes behind the fields of a large inode; none in one of 128 bytes. @throws corrupt naming the inode */
export function inodeXattrs({ raw, number }: Inode): XattrEntry[] {
  if (raw.length <= 128) return []
  const header = 128 + getU16(raw, 0x80)
  return header + 4 <= raw.length && getU32(raw, header) === magic
    ? entriesFrom(raw, header + 4, header + 4, number)
    : []
}

/** Attributes of an attribute block whose header was checked. @throws corrupt naming the inode it was read for */
export const blockXattrs = (bytes: Uint8Array, inode: number): XattrEntry[] => entriesFrom(bytes, blockHeader, 0, inode)

/** @param base where offsets of values count from */
function entriesFrom(bytes: Uint8Array, first: number, base: number, inode: number): XattrEntry[] {
  const entries: XattrEntry[] = []
  // The list ends with four bytes of zeros.
  for (let at = first; at + 4 <= bytes.length && getU32(bytes, at) !== 0;) {
    const e_name_len = bytes[at]!
    if (at + 16 + e_name_len > bytes.length)
      throw corrupt('inode', inode, 'the names of its attributes reach out of their place')
    const valueInode = getU32(bytes, at + 4)
    const value = base + getU16(bytes, at + 2)
    const end = value + getU32(bytes, at + 8)
    entries.push({
      index: bytes[at + 1]!,
      name: Buffer.from(bytes.subarray(at + 16, at + 16 + e_name_len)).toString('latin1'),
      valueInode,
      hash: getU32(bytes, at + 12),
      value: valueInode === 0 && end <= bytes.length ? bytes.subarray(value, end) : undefined,
    })
    at += (16 + e_name_len + 3) & ~3
  }
  return entries
}
