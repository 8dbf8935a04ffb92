import { corrupt } from '../../errors.js'
import { isFastSymlink, physicalOf, readFileMap } from './file-map.js'
import type { Filesystem } from './filesystem.js'
import { hasInlineData, inlineContents } from '../format/inline-data.js'
import { inodeFlag, type Inode } from '../format/inode.js'

/** Linux has no longer paths (PATH_MAX). */
const longestPath = 4096

/**
 * The target of a symlink, bytes as stored.
 * @returns undefined when it is encrypted
 * @throws corrupt when the target is too long or has no block
 */
export async function readSymlink(filesystem: Filesystem, inode: Inode): Promise<Uint8Array | undefined> {
  if (inode.flags & inodeFlag.encrypted) return undefined
  if (hasInlineData(inode)) return inlineContents(inode)
  if (isFastSymlink(inode)) return inode.blockArea.subarray(0, inode.size)
  if (inode.size > Math.min(filesystem.blockSize, longestPath))
    throw corrupt('symlink inode', inode.number, `its target is ${inode.size} bytes long, more than a path can be`)
  const block = physicalOf((await readFileMap(filesystem, inode)).extents, 0)
  if (block === undefined) throw corrupt('symlink inode', inode.number, 'it has no block for its target')
  return (await filesystem.blocks.readRun(block, 1)).subarray(0, inode.size)
}
