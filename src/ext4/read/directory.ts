/**
 * Directories as a whole: every entry of a linear, indexed or inline one.
 */
import { corrupt } from '../../errors.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import type { Extent } from '../../layout/extent.js'
import {
  visitEntries,
  verifyDirectoryBlock,
  type DirectoryFormat,
  type EntryVisitor,
} from '../format/directory-block.js'
import { readFileMap } from './file-map.js'
import type { Filesystem } from './filesystem.js'
import { hasInlineData, readInlineData } from '../format/inline-data.js'
import { inodeFlag, inodeSeed, type Inode } from '../format/inode.js'

/** Blocks read ahead of the walk in large directories. */
const window = 64

/** As {@link EntryVisitor}, with the bytes that `start` and `end` count in. */
export type DirectoryVisitor = (bytes: Uint8Array, ...entry: Parameters<EntryVisitor>) => boolean | void

/**
 * How many directory blocks may be read for one purpose. On a damaged image many
 * directories can share the same blocks; an honest one never has more of them than
 * it has blocks.
 */
export class ReadBudget {
  private left: number

  constructor(left: number) {
    this.left = left
  }

  /** @throws corrupt naming the directory at which it was used up */
  spend(blocks: number, directory: number): void {
    this.left -= blocks
    if (this.left < 0)
      throw corrupt('directory inode', directory, 'it shares its blocks with other directories, or holds itself')
  }
}

/** How the entries of a directory are to be read. */
export const directoryFormat = (filesystem: Filesystem, inode: Inode): DirectoryFormat => ({
  directory: inode.number,
  types: filesystem.superblock.features.names.has('filetype'),
  inodeCount: filesystem.superblock.inodeCount,
  blockSize: filesystem.blockSize,
  encrypted: (inode.flags & inodeFlag.encrypted) !== 0,
})

/** Some entries of a directory, as bytes, and where they lie. */
export interface DirectoryPart {
  /** A whole block, or one of the two parts of an inline directory; shared, not to be changed. */
  readonly bytes: Uint8Array
  /** Undefined in an inline directory. */
  readonly block?: FsBlock
}

/**
 * Calls `visit` for every entry but "." and "..", in the order they lie on disk,
 * until it returns true.
 * @throws corrupt "directory inode N" when a block is damaged or its checksum wrong
 */
export async function visitDirectory(
  filesystem: Filesystem,
  inode: Inode,
  visit: DirectoryVisitor,
  budget?: ReadBudget,
): Promise<void> {
  const format = directoryFormat(filesystem, inode)
  for await (const { bytes } of directoryParts(filesystem, inode, budget)) {
    if (visitEntries(bytes, format, (...entry) => visit(bytes, ...entry))) return
  }
}

/**
 * A directory block by block, in the order of the file, checksums checked.
 * @throws corrupt "directory inode N" when a block is damaged or its checksum wrong
 */
export async function* directoryParts(
  filesystem: Filesystem,
  inode: Inode,
  budget?: ReadBudget,
): AsyncGenerator<DirectoryPart> {
  if (hasInlineData(inode)) {
    const { inBlockArea, inAttribute } = readInlineData(inode)
    // The first four bytes are the parent's inode number, in place of "." and "..".
    yield { bytes: inBlockArea.subarray(4) }
    yield { bytes: inAttribute }
    return
  }
  const { extents } = await readFileMap(filesystem, inode)
  const checked = filesystem.superblock.checksums === 'crc32c'
  const seed = checked ? inodeSeed(filesystem.superblock, inode.number, inode.generation) : 0
  for (const ahead of windows(directoryBlocks(filesystem, inode, extents))) {
    budget?.spend(ahead.length, inode.number)
    if (ahead.length > 1) await filesystem.blocks.prefetch(ahead.map(({ physical }) => physical))
    for (const { logical, physical } of ahead) {
      const bytes = await filesystem.blocks.read(physical)
      if (checked) verifyDirectoryBlock(bytes, seed, inode.number, logical)
      yield { bytes, block: physical }
    }
  }
}

interface DirectoryBlock {
  readonly logical: number
  readonly physical: FsBlock
}

/**
 * The blocks of a directory that hold entries, one by one: a damaged map may have as many
 * as the filesystem, and the first of them that is no directory block ends it all.
 * @throws corrupt when its size is not whole blocks
 */
export function* directoryBlocks(
  filesystem: Filesystem,
  inode: Pick<Inode, 'number' | 'size'>,
  extents: readonly Extent[],
): Generator<DirectoryBlock> {
  if (inode.size % filesystem.blockSize !== 0)
    throw corrupt('directory inode', inode.number, `its size of ${inode.size} bytes is not whole blocks`)
  const end = inode.size / filesystem.blockSize
  for (const { logical, physical, length, unwritten } of extents) {
    if (unwritten) continue
    for (let i = 0; i < length && logical + i < end; i++)
      yield { logical: logical + i, physical: fsBlock(physical + i) }
  }
}

function* windows(blocks: Iterable<DirectoryBlock>): Generator<DirectoryBlock[]> {
  let ahead: DirectoryBlock[] = []
  for (const block of blocks) {
    ahead.push(block)
    if (ahead.length < window) continue
    yield ahead
    ahead = []
  }
  if (ahead.length > 0) yield ahead
}
