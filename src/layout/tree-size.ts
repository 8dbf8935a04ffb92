/**
 * How many blocks the tree over a file's extents needs, as a function of their number.
 * What a tree looks like is the filesystem's; see Capabilities.treeGrowth.
 */
export interface TreeShape {
  /** Extents that fit the inode, without a block of their own. */
  readonly rootEntries: number
  /** Extents, or blocks of the level below, that one tree block holds. */
  readonly entriesPerBlock: number
  /** Blocks of the longest extent there can be. */
  readonly longestExtent: number
}

/** Blocks outside the inode that the most compact tree over `extentCount` extents has. */
export function treeBlocksOver(extentCount: number, { rootEntries, entriesPerBlock }: TreeShape): number {
  let needed = 0
  for (let level = extentCount; level > rootEntries;) {
    level = Math.ceil(level / entriesPerBlock)
    needed += level
  }
  return needed
}
