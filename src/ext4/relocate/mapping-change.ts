/**
 * A file's mapping replaced by another one: which tree blocks are rewritten, taken and
 * given back for it, and what becomes of the inode. Data blocks are the caller's to
 * take and release; here they only count.
 *
 * The tree is built new and as small as it goes; its blocks stay where they are as far
 * as it still needs them.
 */
import { BootpackError, noSpace, unsupported } from '../../errors.js'
import type { Extent } from '../../layout/extent.js'
import { blockRun } from '../../layout/run.js'
import type { Filesystem } from '../read/filesystem.js'
import { largestMappedBlock, mostFileBlocks, numbersPerBlock } from '../format/block-map.js'
import type { Superblock } from '../format/superblock.js'
import type { InodeRelocation } from './inode.js'
import type { InodeState } from './place.js'
import type { TreeRoom } from './room.js'
import { rebuildTree, treeGrowth } from './tree.js'

/**
 * @param mapping sorted by file block, without overlap; without unwritten parts where indirect blocks map it
 * @param room    where a tree that grows finds blocks
 * @param size    bytes, when the file's size changes
 * @throws EOPNOTSUPP where quotas would have to be counted anew, EFBIG for a size that
 *         the filesystem has no feature for or the map no place, ENOSPC when the tree cannot grow
 */
export async function remapInode(
  filesystem: Filesystem,
  state: InodeState,
  mapping: readonly Extent[],
  room: TreeRoom,
  size = state.inode.size,
): Promise<InodeRelocation> {
  const { superblock, blockSize } = filesystem
  const { inode, map } = state
  const grown = await treeGrowth(filesystem, state, mapping)
  const gained = grown + countBlocks(mapping) - countBlocks(map.extents)
  if (gained !== 0 && superblock.quotaInodes.length > 0) {
    throw unsupported(
      'EOPNOTSUPP',
      `Inode ${inode.number} would use ${Math.abs(gained)} blocks ${gained > 0 ? 'more' : 'less'}, and the filesystem keeps quotas, which are not counted anew here.`,
      'Mount the filesystem and work on it there.',
    )
  }
  if (size >= 2 ** 31 && !superblock.features.names.has('large_file')) {
    throw new BootpackError(
      'usage',
      'EFBIG',
      `Inode ${inode.number} would have ${size} bytes, and the filesystem has no feature large_file.`,
    )
  }
  const last = mapping.at(-1)
  if (map.kind === 'indirect' && last && last.logical + last.length > mostMappedBlocks(superblock)) {
    throw new BootpackError(
      'usage',
      'EFBIG',
      `Inode ${inode.number} would have a file block ${last.logical + last.length - 1}, and its block map ends at ${mostMappedBlocks(superblock) - 1}.`,
    )
  }
  if (map.kind === 'indirect' && mapping.some(({ physical, length }) => physical + length - 1 > largestMappedBlock)) {
    throw unsupported(
      'EOPNOTSUPP',
      `Inode ${inode.number} is mapped by indirect blocks, which have no numbers for blocks so far behind.`,
      'Name a goal further in front.',
    )
  }
  const tree = await rebuildTree(filesystem, state, mapping, room)
  if (!tree)
    throw noSpace(
      'ENOSPC',
      `The extent tree of inode ${inode.number} grows by ${grown} blocks, and none are free for it.`,
      'Free some space.',
    )
  const { root, rewritten, fresh, grownInto, left } = tree
  return {
    number: inode.number,
    moves: [],
    copies: [],
    take: fresh.map(({ block }) => blockRun(block, 1)),
    release: left.map((block) => blockRun(block, 1)),
    rewritten,
    fresh,
    grownInto,
    changes: [
      {
        inode,
        change: {
          blockArea: root,
          ...(gained !== 0 && { sectors: inode.sectors + gained * (blockSize / 512) }),
          ...(size !== inode.size && { size }),
        },
      },
    ],
  }
}

/**
 * File blocks that a map leads to: without huge_file a file must be countable in 2^32
 * sectors even if it had no holes, map blocks included, as the kernel has it.
 */
function mostMappedBlocks({ blockSize, features }: Superblock): number {
  if (features.names.has('huge_file')) return Math.min(2 ** 32, mostFileBlocks(blockSize))
  const perBlock = numbersPerBlock(blockSize)
  const mapBlocks = 1 + (1 + perBlock) + (1 + perBlock + perBlock ** 2)
  return Math.min(mostFileBlocks(blockSize), Math.floor((2 ** 32 - 1) / (blockSize / 512)) - mapBlocks)
}

const countBlocks = (extents: readonly Extent[]): number => extents.reduce((sum, { length }) => sum + length, 0)
