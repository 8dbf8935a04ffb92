import { getU32, putU32 } from '../../bytes/little-endian.js'
import { renumberEntries } from '../format/directory-block.js'
import { directoryFormat } from '../read/directory.js'
import type { Filesystem } from '../read/filesystem.js'
import { readInlineData } from '../format/inline-data.js'
import type { Inode } from '../format/inode.js'

/**
 * Gives the entries of an inline directory other numbers; its parent's is there
 * without a name.
 * @param inode a copy of its own, whose bytes are changed in place; the checksum is the caller's
 * @throws corrupt when an entry is damaged
 */
export function renumberInline(filesystem: Filesystem, inode: Inode, numbers: ReadonlyMap<number, number>): void {
  const format = directoryFormat(filesystem, inode)
  const { inBlockArea, inAttribute } = readInlineData(inode)
  const parent = numbers.get(getU32(inBlockArea, 0))
  if (parent !== undefined) putU32(inBlockArea, 0, parent)
  renumberEntries(inBlockArea.subarray(4), format, numbers)
  renumberEntries(inAttribute, format, numbers)
}
