/**
 * The block map of ext2 and ext3, as arithmetic. The inode holds fifteen block numbers:
 * twelve of data, then one of a block of numbers (single indirect), one of a block of
 * such blocks (double), and one level more (triple). Numbers have 32 bits; 0 is a hole,
 * and over a hole there need be no map block either. Source of the layout:
 * Documentation/filesystems/ext4/ifork.rst.
 *
 * A map block is named by its level (1 holds numbers of data) and the first file block
 * below it; what it is worth never depends on where it lies.
 */
import { getU32, putU32 } from '../../bytes/little-endian.js'
import { fileBlock, type FileBlock } from '../../layout/block.js'
import type { FileRange } from '../../layout/file-layout.js'

export const directBlocks = 12

/** Blocks beyond this cannot be named by a map. */
export const largestMappedBlock = 0xffff_ffff

/** Levels there are. */
export const deepestMap = 3

export interface MapPosition {
  /** 1 to 3, counted from the data up. */
  readonly level: number
  /** First file block below it. */
  readonly logical: FileBlock
}

/** Block numbers in one map block. */
export const numbersPerBlock = (blockSize: number): number => blockSize / 4

/** First file block below the map block that the inode itself names for a level. */
export function firstBelowRoot(level: number, blockSize: number): number {
  let first = directBlocks
  for (let below = 1; below < level; below++) first += numbersPerBlock(blockSize) ** below
  return first
}

/** File blocks that a map block leads to. */
export const spanOf = ({ level, logical }: MapPosition, blockSize: number): FileRange => ({
  logical,
  length: numbersPerBlock(blockSize) ** level,
})

/** File blocks there can be, whatever sizes the inode can count. */
export const mostFileBlocks = (blockSize: number): number => firstBelowRoot(deepestMap + 1, blockSize)

/**
 * The map blocks over a file block, from the one that holds its number up to the one
 * the inode names; none for the first twelve.
 * @throws RangeError behind the last block a map can hold
 */
export function positionsOver(logical: number, blockSize: number): MapPosition[] {
  if (logical < directBlocks) return []
  const perBlock = numbersPerBlock(blockSize)
  for (let root = 1; root <= deepestMap; root++) {
    const first = firstBelowRoot(root, blockSize)
    if (logical >= first + perBlock ** root) continue
    return Array.from({ length: root }, (_, index) => {
      const below = perBlock ** (index + 1)
      return { level: index + 1, logical: fileBlock(first + Math.floor((logical - first) / below) * below) }
    })
  }
  throw new RangeError(`file block ${logical} is behind the last one a block map can hold`)
}

/** Where the number of a map block is kept: in one a level up, or at a word of the inode. */
export function homeOf(
  { level, logical }: MapPosition,
  blockSize: number,
): { readonly parent?: MapPosition; readonly word: number } {
  if (logical === firstBelowRoot(level, blockSize)) return { word: directBlocks + level - 1 }
  const parent = positionsOver(logical, blockSize)[level]!
  return { parent, word: (logical - parent.logical) / numbersPerBlock(blockSize) ** level }
}

export const getNumber = (numbers: Uint8Array, word: number): number => getU32(numbers, word * 4)

export const putNumber = (numbers: Uint8Array, word: number, block: number): void => putU32(numbers, word * 4, block)
