/**
 * How many blocks an ext4 extent tree needs, as a function of the number of
 * extents. Header, extent and index entries are 12 bytes each; the inode holds a
 * header and 4 entries, a block a header and as many entries as fit before the
 * 4-byte checksum tail.
 */

/** Entries in the 60 bytes of the inode. */
export const rootEntries = 4

/** Entries in one tree block. */
export const entriesPerTreeBlock = (blockSize: number): number => Math.floor((blockSize - 12) / 12)

/** Blocks outside the inode that the most compact tree over `extentCount` extents has. */
export function treeBlocksNeeded(extentCount: number, blockSize: number): number {
  let needed = 0
  for (let level = extentCount; level > rootEntries;) {
    level = Math.ceil(level / entriesPerTreeBlock(blockSize))
    needed += level
  }
  return needed
}
