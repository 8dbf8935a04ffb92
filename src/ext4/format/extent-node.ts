/**
 * One node of an extent tree: a 12-byte header, then 12-byte entries, in the 60
 * bytes of the inode (the root) or in a block of its own, which with metadata_csum
 * ends in a 4-byte checksum right behind the room for entries. Leaves (depth 0)
 * map file blocks; index nodes point to nodes one level down. Source of the
 * layout: Documentation/filesystems/ext4/ifork.rst.
 */
import { corrupt } from '../../errors.js'
import { crc32c } from '../../bytes/crc32c.js'
import { getU16, getU32, putU16, putU32 } from '../../bytes/little-endian.js'
import { fileBlock, fsBlock, type FileBlock, type FsBlock } from '../../layout/block.js'
import { extent, type Extent } from '../../layout/extent.js'
import { blockAreaSize } from './inode.js'

const magic = 0xf30a
const headerSize = 12
const entrySize = 12

/** The kernel's bound on the depth of a tree. */
export const deepestTree = 5

/** Longest written extent in blocks; unwritten ones are one shorter. */
export const longestExtent = 32768
export const longestUnwrittenExtent = 32767

/** Points to the node that maps file blocks from `logical` on. */
export interface IndexEntry {
  readonly logical: FileBlock
  readonly child: FsBlock
}

export type ExtentNode =
  | { readonly depth: 0; readonly extents: readonly Extent[] }
  | { readonly depth: number; readonly children: readonly IndexEntry[] }

/** What a node belongs to, for the sentence of an error. */
export interface NodePlace {
  readonly inode: number
  /** 0 for the root in the inode. */
  readonly block: number
}

/** Entries that fit a node of so many bytes: 60 for the root, the block size else. */
export const entriesPerNode = (nodeSize: number): number => Math.floor((nodeSize - headerSize) / entrySize)

/**
 * Where the checksum of a tree block is: behind the room that its header claims,
 * which is not the end of the block when blocks are 2, 8 or 32 KiB.
 */
const tailOffset = (bytes: Uint8Array): number =>
  headerSize + Math.min(getU16(bytes, 4), entriesPerNode(bytes.length)) * entrySize

/**
 * @param bytes 60 bytes of the inode or a whole block
 * @param depth what the parent said; undefined for the root
 * @throws corrupt when header or entries make no sense; places of blocks are the caller's to check
 */
export function decodeExtentNode(bytes: Uint8Array, place: NodePlace, depth?: number): ExtentNode {
  const bad = (problem: string): never => {
    throw corrupt(
      'extent tree of inode',
      place.inode,
      `${place.block === 0 ? 'the root' : `block ${place.block}`}: ${problem}`,
    )
  }
  const eh_magic = getU16(bytes, 0)
  const eh_entries = getU16(bytes, 2)
  const eh_max = getU16(bytes, 4)
  const eh_depth = getU16(bytes, 6)
  if (eh_magic !== magic) bad(`magic number 0x${eh_magic.toString(16)} instead of 0xf30a`)
  if (eh_max > entriesPerNode(bytes.length) || eh_entries > eh_max)
    bad(`${eh_entries} entries in room for ${eh_max} of ${entriesPerNode(bytes.length)}`)
  if (eh_depth > deepestTree || (depth !== undefined && eh_depth !== depth))
    bad(`depth ${eh_depth}${depth === undefined ? '' : ` instead of ${depth}`}`)

  let free = 0
  if (eh_depth === 0) {
    const extents: Extent[] = []
    for (let at = headerSize; extents.length < eh_entries; at += entrySize) {
      const ee_block = getU32(bytes, at)
      const ee_len = getU16(bytes, at + 4)
      const unwritten = ee_len > longestExtent
      const length = unwritten ? ee_len - longestExtent : ee_len
      if (length === 0) bad(`entry ${extents.length} has no length`)
      if (ee_block < free)
        bad(`entry ${extents.length} begins at file block ${ee_block}, before the end of the one before it`)
      free = ee_block + length
      if (free > 0x1_0000_0000) bad(`entry ${extents.length} ends beyond the last file block`)
      extents.push(extent(ee_block, getU16(bytes, at + 6) * 0x1_0000_0000 + getU32(bytes, at + 8), length, unwritten))
    }
    return { depth: 0, extents }
  }
  if (eh_entries === 0) bad('an index node without entries')
  const children: IndexEntry[] = []
  for (let at = headerSize; children.length < eh_entries; at += entrySize) {
    const ei_block = getU32(bytes, at)
    if (ei_block < free) bad(`entry ${children.length} begins at file block ${ei_block}, not after the one before it`)
    free = ei_block + 1
    children.push({
      logical: fileBlock(ei_block),
      child: fsBlock(getU32(bytes, at + 4) + getU16(bytes, at + 8) * 0x1_0000_0000),
    })
  }
  return { depth: eh_depth, children }
}

/**
 * Writes a node into `bytes`, which are all zeros or an old node: what is behind
 * the entries becomes zeros.
 * @param bytes 60 bytes of the inode or a whole block; a block's checksum is {@link sealExtentBlock}'s
 * @throws RangeError when there are more entries than room or an extent is too long
 */
export function encodeExtentNode(bytes: Uint8Array, node: ExtentNode): void {
  const entries = 'extents' in node ? node.extents.length : node.children.length
  if (entries > entriesPerNode(bytes.length))
    throw new RangeError(`${entries} entries do not fit a node of ${bytes.length} bytes`)
  bytes.fill(0)
  putU16(bytes, 0, magic)
  putU16(bytes, 2, entries)
  putU16(bytes, 4, entriesPerNode(bytes.length))
  putU16(bytes, 6, node.depth)
  let at = headerSize
  if ('extents' in node) {
    for (const { logical, physical, length, unwritten } of node.extents) {
      if (length < 1 || length > (unwritten ? longestUnwrittenExtent : longestExtent))
        throw new RangeError(`an extent of ${length} blocks cannot be stored`)
      putU32(bytes, at, logical)
      putU16(bytes, at + 4, unwritten ? length + longestExtent : length)
      putU16(bytes, at + 6, Math.floor(physical / 0x1_0000_0000))
      putU32(bytes, at + 8, physical % 0x1_0000_0000)
      at += entrySize
    }
  } else {
    for (const { logical, child } of node.children) {
      putU32(bytes, at, logical)
      putU32(bytes, at + 4, child % 0x1_0000_0000)
      putU16(bytes, at + 8, Math.floor(child / 0x1_0000_0000))
      at += entrySize
    }
  }
}

export const isExtentRoot = (blockArea: Uint8Array): boolean =>
  getU16(blockArea, 0) === magic && blockArea.length === blockAreaSize

/**
 * Checksum of a tree block.
 * @param seed the inode's, see inodeSeed
 */
const extentBlockChecksum = (bytes: Uint8Array, seed: number): number => crc32c(seed, bytes, 0, tailOffset(bytes))

/** Only with metadata_csum: puts the checksum of a tree block right. */
export function sealExtentBlock(bytes: Uint8Array, seed: number): void {
  putU32(bytes, tailOffset(bytes), extentBlockChecksum(bytes, seed))
}

/** @throws corrupt naming inode and block */
export function verifyExtentBlock(bytes: Uint8Array, seed: number, place: NodePlace): void {
  if (getU32(bytes, tailOffset(bytes)) !== extentBlockChecksum(bytes, seed)) {
    throw corrupt('extent tree of inode', place.inode, `block ${place.block}: its checksum does not match`)
  }
}
