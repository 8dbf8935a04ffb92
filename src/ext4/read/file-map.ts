/**
 * Where a file's blocks are, whichever way its inode says it.
 */
import { fsBlock, type FsBlock } from '../../layout/block.js'
import { mergeExtents, type Extent } from '../../layout/extent.js'
import { isExtentRoot } from '../format/extent-node.js'
import { readExtentTree } from './extent-tree.js'
import type { Filesystem } from './filesystem.js'
import { readIndirectMap } from './indirect-map.js'
import { hasInlineData } from '../format/inline-data.js'
import { inodeFlag, type Inode } from '../format/inode.js'
import type { Superblock } from '../format/superblock.js'

/** How an inode says where its contents are. */
export type MapKind = 'none' | 'extents' | 'indirect'

export interface FileMap {
  readonly kind: MapKind
  /** As stored; see {@link fileExtents} for the joined view. */
  readonly extents: readonly Extent[]
  /** Extent-tree or block-map blocks, depth first. */
  readonly treeBlocks: readonly FsBlock[]
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

const empty: FileMap = { kind: 'none', extents: [], treeBlocks: [] }

/** Maps that are all in the inode: they are as it is. */
const small = new WeakMap<Inode, FileMap>()

/** @throws corrupt when tree or map are damaged */
export async function readFileMap(filesystem: Filesystem, inode: Inode): Promise<FileMap> {
  const kind = mapKind(inode, filesystem.superblock)
  if (kind === 'none') return empty
  if (kind === 'extents') {
    const known = small.get(inode)
    if (known) return known
    const map: FileMap = { kind, ...(await readExtentTree(filesystem, inode)) }
    if (map.treeBlocks.length === 0) small.set(inode, map)
    return map
  }
  const { extents, mapBlocks } = await readIndirectMap(filesystem, inode)
  return { kind, extents, treeBlocks: mapBlocks }
}

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
