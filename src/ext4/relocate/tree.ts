/**
 * An inode's tree over another mapping: a block map with what changes of it
 * (indirect-map.ts), an extent tree built new and as small as it goes.
 *
 * Its blocks keep their places, or take those they are told to; what a smaller tree
 * has no use for is left, what a larger one lacks is found near the inode. A tree
 * block at a new place is written there before the commit, for nobody points at it
 * yet; one that stays goes through the journal, and only if its contents change.
 */
import type { FsBlock } from '../../layout/block.js'
import type { Extent } from '../../layout/extent.js'
import { buildExtentTree, storableExtents, treeBlocksNeeded } from '../read/extent-tree.js'
import type { Filesystem } from '../read/filesystem.js'
import { inodeSeed } from '../format/inode.js'
import { MapChange } from './indirect-map.js'
import type { BlockContents, RebuiltTree } from './rebuilt-tree.js'
import type { InodeState } from './place.js'
import type { TreeRoom } from './room.js'

/** Tree blocks that the mapping takes more than the inode has. */
export async function treeGrowth(
  filesystem: Filesystem,
  state: InodeState,
  mapping: readonly Extent[],
): Promise<number> {
  return state.map.kind === 'indirect'
    ? (await MapChange.work(filesystem, state, mapping, new Map())).grown
    : extentTreeGrowth(filesystem, state, mapping)
}

const extentTreeGrowth = (filesystem: Filesystem, { map }: InodeState, mapping: readonly Extent[]): number =>
  treeBlocksNeeded(storableExtents(mapping).length, filesystem.blockSize) - map.treeBlocks.length

/**
 * @param mapping sorted by file block, without overlap; of a file mapped by indirect
 *                blocks without unwritten parts, all of it where a map can name it
 * @param movedTo new places of tree blocks, by their old ones
 * @returns undefined when there are not enough free blocks for it to grow
 */
export async function rebuildTree(
  filesystem: Filesystem,
  state: InodeState,
  mapping: readonly Extent[],
  room: TreeRoom,
  movedTo: ReadonlyMap<FsBlock, FsBlock> = new Map(),
): Promise<RebuiltTree | undefined> {
  return state.map.kind === 'indirect'
    ? (await MapChange.work(filesystem, state, mapping, movedTo)).rebuild(room)
    : rebuildExtentTree(filesystem, state, mapping, room, movedTo)
}

async function rebuildExtentTree(
  filesystem: Filesystem,
  state: InodeState,
  mapping: readonly Extent[],
  room: TreeRoom,
  movedTo: ReadonlyMap<FsBlock, FsBlock>,
): Promise<RebuiltTree | undefined> {
  const { superblock, blockSize } = filesystem
  const { inode, map } = state
  const grown = extentTreeGrowth(filesystem, state, mapping)
  const grownInto = grown > 0 ? await room.take(grown, inode.number) : []
  if (!grownInto) return undefined
  const kept = map.treeBlocks.slice(0, map.treeBlocks.length + Math.min(0, grown))
  const left = [...kept.filter((block) => movedTo.has(block)), ...map.treeBlocks.slice(kept.length)]
  for (const block of left) room.exclude(block)

  const places = [...kept.map((block) => movedTo.get(block) ?? block), ...grownInto]
  const seed = superblock.checksums === 'crc32c' ? inodeSeed(superblock, inode.number, inode.generation) : undefined
  const tree = buildExtentTree(storableExtents(mapping), blockSize, places, seed)
  const staying = new Set(kept.filter((block) => !movedTo.has(block)))
  const rewritten: BlockContents[] = []
  for (const node of tree.blocks) {
    if (staying.has(node.block) && Buffer.compare(await filesystem.blocks.read(node.block), node.bytes) !== 0)
      rewritten.push(node)
  }
  return {
    root: tree.root,
    grown,
    rewritten,
    fresh: tree.blocks.filter(({ block }) => !staying.has(block)),
    grownInto,
    left,
  }
}
