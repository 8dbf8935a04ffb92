/**
 * Which inodes keep their number, and why. The number of an inode is in its directory
 * entries and in checksums, all of which can be put right; and in places that cannot:
 *
 * - the superblock and the format itself (reserved inodes, journal, quotas, orphan
 *   file, lost+found, which e2fsck expects first);
 * - keys: an encryption policy may derive the key stream from the number, and without
 *   the key nobody can tell, so nothing encrypted is touched;
 * - boot loaders: EXTLINUX 3 has the number of its folder in its first sector;
 * - file handles: overlay mounts keep them in attributes (overlay-origins.ts);
 * - signatures: EVM seals a file's number into security.evm;
 * - attribute values in inodes of their own point back at their owner by number.
 *
 * What is not kept by anything else: verity and case folding would allow another number,
 * and are left alone because nothing here can look behind them.
 */
import { errorCodes, unsupported } from '../../errors.js'
import type { NumberReason } from '../../layout/reason.js'
import { numberedFolders } from '../ownership/boot-loader.js'
import { directoryBlocks } from '../read/directory.js'
import { readFileMap } from '../read/file-map.js'
import type { Filesystem } from '../read/filesystem.js'
import { hasInlineData } from '../format/inline-data.js'
import { isSystemInode } from '../ownership/immovable.js'
import { inodeFlag, type Inode } from '../format/inode.js'
import { overlayOrigins } from '../ownership/overlay-origins.js'
import { rootInode } from '../read/path-walk.js'
import type { Superblock } from '../format/superblock.js'
import { decodeXattrBlock } from '../format/xattr-block.js'
import { blockXattrs, inodeXattrs, xattrIndex, type XattrEntry } from '../format/xattr-entries.js'

/** @throws unsupported when something outside may rely on the numbers of all inodes */
export function refuseRenumbering({ features: { names } }: Superblock): void {
  for (const feature of ['stable_inodes', 'imagic_inodes'] as const) {
    if (!names.has(feature)) continue
    const code = `feature-${feature}` as const
    const { means, helps } = errorCodes.unsupported[code]
    throw unsupported(code, `The filesystem has the feature ${feature}: ${means}.`, helps)
  }
}

const kept: readonly (readonly [flag: number, reason: NumberReason])[] = [
  [inodeFlag.encrypted, 'encrypted'],
  [inodeFlag.verity, 'verity'],
  [inodeFlag.casefold, 'casefold'],
  [inodeFlag.eaInode, 'ea-inode'],
]

/**
 * Why an inode in use keeps its number; undefined when it may have another.
 * @param mostBlocks blocks that one renumbering may change
 * @throws corrupt when the inode's map or its attributes are damaged
 */
export async function numberReason(
  filesystem: Filesystem,
  inode: Inode,
  mostBlocks: number,
): Promise<NumberReason | undefined> {
  const { superblock } = filesystem
  const { number } = inode
  if (isSystemInode(number, superblock) || number <= superblock.firstInode || number === rootInode)
    return 'system-inode'
  for (const [flag, reason] of kept) if (inode.flags & flag) return reason
  if (inode.type === 'unknown') return 'unknown-type'
  if (inode.links === 0) return 'no-links'
  if (inode.type === 'directory' && (await numberedFolders(filesystem)).has(number)) return 'boot-loader'
  if ((await overlayOrigins(filesystem)).has(number)) return 'overlay-origin'
  const reason = ofAttributes(inodeXattrs(inode)) ?? ofAttributes(await blockAttributes(filesystem, inode))
  if (reason !== undefined) return reason
  if (superblock.checksums !== 'crc32c' || hasInlineData(inode)) return undefined
  const map = await readFileMap(filesystem, inode)
  let sealed = map.treeBlocks.length
  if (inode.type === 'directory')
    for (const _ of directoryBlocks(filesystem, inode, map.extents)) if (++sealed > mostBlocks) break
  return sealed > mostBlocks ? 'large-directory' : undefined
}

function ofAttributes(entries: readonly XattrEntry[]): NumberReason | undefined {
  for (const { index, name, valueInode } of entries) {
    if (valueInode !== 0) return 'ea-inode'
    if (index === xattrIndex.security && name === 'evm') return 'evm'
  }
  return undefined
}

async function blockAttributes(filesystem: Filesystem, { number, xattrBlock }: Inode): Promise<XattrEntry[]> {
  if (xattrBlock === 0) return []
  const bytes = await filesystem.blocks.read(xattrBlock)
  decodeXattrBlock(bytes, xattrBlock, filesystem.superblock)
  return blockXattrs(bytes, number)
}
