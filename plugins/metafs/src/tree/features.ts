/**
 * What the interface offers, as bitmaps in the manner of ext2's: a tool that meets a
 * bit it does not know may go on (compat), may go on reading (ro_compat), or must keep
 * its hands off (incompat).
 */
import type { BlockSpace } from 'bootpack/ext4'

export const compat = {
  freeBlocks: 0x1,
  extents: 0x2,
  allocGoal: 0x4,
  /** `ls nodes` shows all files, not only that they can be asked for. */
  nodesListed: 0x8,
  /** Why orders were refused can be read. */
  failures: 0x10,
} as const

export const roCompat = {
  dataAlloc: 0x1,
  dataReloc: 0x2,
  metadataAlloc: 0x4,
  metadataReloc: 0x8,
} as const

export const incompat = {
  /** Lists are lines of decimal numbers. */
  textLists: 0x1,
  /** Positions are block numbers; the end of the last text goes on where it stopped. */
  continuedPositions: 0x2,
} as const

/** Three lines: the name of a bitmap and its value. */
export function featuresText(space: BlockSpace, readOnly: boolean): string {
  const listed = space.inodes ? compat.nodesListed : 0
  const offered = compat.freeBlocks | compat.extents | compat.allocGoal | compat.failures | listed
  const changing = readOnly
    ? 0
    : roCompat.dataAlloc | roCompat.dataReloc | (space.trees ? roCompat.metadataAlloc | roCompat.metadataReloc : 0)
  const needed = incompat.textLists | incompat.continuedPositions
  return [
    ['compat', offered],
    ['ro_compat', changing],
    ['incompat', needed],
  ]
    .map(([name, bits]) => `${name} 0x${bits!.toString(16)}\n`)
    .join('')
}
