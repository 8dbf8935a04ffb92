/**
 * Inodes that overlay mounts know by number. What an overlay copied up carries the file
 * handle of where it came from in trusted.overlay.origin, the upper root that of the
 * lower one, and entries of its index that of their file in trusted.overlay.upper. With
 * other numbers an overlay loses those origins, and one with index=on is not mounted any
 * more ("failed to verify upper root origin").
 *
 * A handle as overlayfs stores it: version 0, magic 0xfb, length, flags, type of the
 * handle; 16 bytes with the UUID of the filesystem; of ext4 then inode and generation,
 * 32 bits each.
 */
import { corrupt } from '../../errors.js'
import type { FsBlock } from '../../layout/block.js'
import { blockRun } from '../../layout/run.js'
import type { Filesystem } from '../read/filesystem.js'
import { scanInodes } from '../read/inode-scan.js'
import { decodeXattrBlock } from '../format/xattr-block.js'
import { blockXattrs, inodeXattrs, xattrIndex, type XattrEntry } from '../format/xattr-entries.js'

const names: ReadonlySet<string> = new Set(['overlay.origin', 'overlay.upper'])
const header = 21
const bigEndian = 1

const known = new WeakMap<Filesystem, Promise<ReadonlySet<number>>>()

/**
 * Looked for once, in all inodes, since those that are found keep their numbers.
 * @throws corrupt when an inode or its attributes are damaged
 */
export function overlayOrigins(filesystem: Filesystem): Promise<ReadonlySet<number>> {
  let found = known.get(filesystem)
  if (!found) known.set(filesystem, (found = findOrigins(filesystem)))
  return found
}

async function findOrigins(filesystem: Filesystem): Promise<ReadonlySet<number>> {
  const { superblock } = filesystem
  const found = new Set<number>()
  const seen = new Set<number>()
  const take = (entries: readonly XattrEntry[]): void => {
    for (const { index, name, value } of entries) {
      if ((index !== xattrIndex.trusted && index !== xattrIndex.user) || !names.has(name) || !value) continue
      const inode = inodeOfHandle(value, superblock.uuidBytes)
      if (inode !== undefined) found.add(inode)
    }
  }
  for await (const inodes of scanInodes(filesystem)) {
    const blocks = new Map<FsBlock, number>()
    for (const inode of inodes) {
      take(inodeXattrs(inode))
      const { xattrBlock, number } = inode
      if (xattrBlock === 0 || seen.has(xattrBlock)) continue
      if (!filesystem.inside(blockRun(xattrBlock, 1)))
        throw corrupt('inode', number, `its attribute block is ${xattrBlock}, outside the filesystem`)
      seen.add(xattrBlock)
      blocks.set(xattrBlock, number)
    }
    await filesystem.blocks.prefetch(blocks.keys())
    for (const [block, number] of blocks) {
      const bytes = await filesystem.blocks.read(block)
      decodeXattrBlock(bytes, block, superblock)
      take(blockXattrs(bytes, number))
    }
  }
  return found
}

/** @returns undefined for no handle, or one of another filesystem */
function inodeOfHandle(bytes: Uint8Array, uuid: Uint8Array): number | undefined {
  if (bytes.length < header + 8 || bytes[0] !== 0 || bytes[1] !== 0xfb) return undefined
  const of = bytes.subarray(5, header)
  // A mount with uuid=null leaves it out.
  if (!of.every((byte) => byte === 0) && !of.every((byte, at) => byte === uuid[at])) return undefined
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(header, (bytes[3]! & bigEndian) === 0)
}
