/**
 * Small contents kept in the inode (the inline_data feature): the first 60 bytes in
 * i_block, the rest as the value of the attribute "system.data" among the in-inode
 * attributes. Source of the layout: Documentation/filesystems/ext4/inlinedata.rst.
 */
import { corrupt } from '../../errors.js'
import { getU16, getU32 } from '../../bytes/little-endian.js'
import { inodeFlag, type Inode } from './inode.js'

const xattrMagic = 0xea02_0000
/** e_name_index of names that begin with "system.". */
const systemIndex = 7

export const hasInlineData = (inode: Pick<Inode, 'flags'>): boolean => (inode.flags & inodeFlag.inlineData) !== 0

/** Both parts; a directory's parts are two runs of entries, a link's are one text. */
export interface InlineData {
  readonly inBlockArea: Uint8Array
  readonly inAttribute: Uint8Array
}

/** @throws corrupt when the attribute reaches out of the inode */
export function readInlineData(inode: Inode): InlineData {
  return { inBlockArea: inode.blockArea, inAttribute: systemData(inode) }
}

/** The whole content as one piece, as long as the inode says it is. */
export function inlineContents(inode: Inode): Uint8Array {
  const { inBlockArea, inAttribute } = readInlineData(inode)
  return Buffer.concat([inBlockArea, inAttribute]).subarray(0, inode.size)
}

function systemData({ raw, number }: Inode): Uint8Array {
  const none = new Uint8Array(0)
  if (raw.length <= 128) return none
  const header = 128 + getU16(raw, 0x80)
  if (header + 4 > raw.length || getU32(raw, header) !== xattrMagic) return none
  const first = header + 4
  // Each entry: name length, name index, value offset (from the first entry), value inode, value size, hash, name.
  for (let at = first; at + 16 <= raw.length && getU32(raw, at) !== 0;) {
    const e_name_len = raw[at]!
    const e_value_offs = getU16(raw, at + 2)
    const e_value_size = getU32(raw, at + 8)
    const name = Buffer.from(raw.subarray(at + 16, at + 16 + e_name_len)).toString('latin1')
    if (raw[at + 1] === systemIndex && name === 'data') {
      if (first + e_value_offs + e_value_size > raw.length)
        throw corrupt('inode', number, 'its inline data reaches out of the inode')
      return raw.subarray(first + e_value_offs, first + e_value_offs + e_value_size)
    }
    at += (16 + e_name_len + 3) & ~3
  }
  return none
}
