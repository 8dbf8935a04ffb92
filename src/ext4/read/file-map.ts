/**
 * Where a file's blocks are, whichever way its inode says it.
 */
import { fsBlock, type FsBlock } from '../../layout/block.js'
import { mergeExtents, type Extent } from '../../layout/extent.js'
import { isExtentRoot } from '../format/extent-node.js'
import { childrenOfRoot, readExtentTree, readSmallExtentTree } from './extent-tree.js'
import type { Filesystem } from './filesystem.js'
import { readIndirectMap, readSmallIndirectMap, rootMapBlocks, type MapBlock } from './indirect-map.js'
import { hasInlineData } from '../format/inline-data.js'
import { inodeFlag, type Inode } from '../format/inode.js'
import type { Superblock } from '../format/superblock.js'

/** How an inode says where its contents are. */
export type MapKind = 'none' | 'extents' | 'indirect'

export interface FileMap {
  readonly kind: MapKind
  /** As stored; see `fileExtents` for the joined view. */
  readonly extents: readonly Extent[]
  /** Extent-tree or block-map blocks, depth first. */
  readonly treeBlocks: readonly FsBlock[]
  /** The same blocks of a file mapped by indirect blocks, and what they stand for; empty for others. */
  readonly mapBlocks: readonly MapBlock[]
}

type Mapped = Pick<Inode, 'number' | 'type' | 'flags' | 'size' | 'blockArea'>

/** Devices, pipes, sockets, short links and inline contents have no blocks. */
export function mapKind(inode: Mapped, superblock: Superblock): MapKind {
  if (hasInlineData(inode)) return 'none'
  const reserved = inode.number < superblock.firstInode
  const { type } = inode
  if (type !== 'regular' && type !== 'directory' && type !== 'symlink' && !reserved) return 'none'
  if (type === 'symlink' && isFastSymlink(inode)) return 'none'
  return inode.flags & inodeFlag.extents ? 'extents' : 'indirect'
}

/** A link whose target is in i_block. A short target may also have a block of its own. */
export const isFastSymlink = (inode: Pick<Inode, 'flags' | 'size' | 'blockArea'>): boolean =>
  inode.size < inode.blockArea.length &&
  !hasInlineData(inode) &&
  !((inode.flags & inodeFlag.extents) !== 0 && isExtentRoot(inode.blockArea))

const empty: FileMap = { kind: 'none', extents: [], treeBlocks: [], mapBlocks: [] }

/** Maps that are all in the inode: they are as it is. */
const small = new WeakMap<Inode, FileMap>()

/** @throws corrupt when tree or map are damaged */
export async function readFileMap(filesystem: Filesystem, inode: Inode): Promise<FileMap> {
  const kind = mapKind(inode, filesystem.superblock)
  if (kind === 'none') return empty
  const known = small.get(inode)
  if (known) return known
  const map = kind === 'extents' ? await extentMap(filesystem, inode) : await indirectMap(filesystem, inode)
  if (map.treeBlocks.length === 0) small.set(inode, map)
  return map
}

const extentMap = async (filesystem: Filesystem, inode: Inode): Promise<FileMap> => ({
  kind: 'extents',
  ...(await readExtentTree(filesystem, inode)),
  mapBlocks: [],
})

async function indirectMap(filesystem: Filesystem, inode: Inode): Promise<FileMap> {
  const { extents, mapBlocks } = await readIndirectMap(filesystem, inode)
  return { kind: 'indirect', extents, treeBlocks: mapBlocks.map(({ block }) => block), mapBlocks }
}

/**
 * A mapping that is all in the inode; without a promise, for scans of many inodes.
 * @returns undefined when there are tree or map blocks
 * @throws corrupt as {@link readFileMap}
 */
export const readSmallMap = (
  filesystem: Filesystem,
  inode: Inode,
  kind: 'extents' | 'indirect',
): readonly Extent[] | undefined =>
  kind === 'extents' ? readSmallExtentTree(filesystem, inode) : readSmallIndirectMap(filesystem, inode)

/** Tree or map blocks the inode names, unchecked; to bring them in before reading many. */
export const rootTreeBlocks = (inode: Inode, kind: 'extents' | 'indirect'): readonly FsBlock[] =>
  kind === 'extents' ? childrenOfRoot(inode) : rootMapBlocks(inode)

/** FIEMAP's view: extents that continue each other are one. */
export async function fileExtents(filesystem: Filesystem, inode: Inode): Promise<Extent[]> {
  return mergeExtents((await readFileMap(filesystem, inode)).extents)
}

/** Physical block of a file block; undefined in holes. */
export function physicalOf(extents: readonly Extent[], logical: number): FsBlock | undefined {
  for (const found of extents) {
    if (logical >= found.logical && logical < found.logical + found.length)
      return fsBlock(found.physical + logical - found.logical)
  }
  return undefined
}
