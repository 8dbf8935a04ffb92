/** Extents of a file as reorganising looks at them: what would be the fewest. Pure; all positions in bytes. */
import type { XfsExtent } from '../kernel/getbmapx.js'

/** A stretch of a file without a hole. */
export interface Stretch {
  readonly from: number
  readonly length: number
}

/** A part of a stretch that is all written, or all unwritten. */
export interface Part extends Stretch {
  readonly unwritten: boolean
}

/** The longest extent XFS can note: 21 bits of blocks. */
export const longestExtentBlocks = 2 ** 21 - 1

/**
 * The extents up to the end of the file; blocks reserved behind it do not count.
 * @param size      bytes
 * @param blockSize the last block counts whole
 */
export function withinSize(extents: readonly XfsExtent[], size: number, blockSize: number): XfsExtent[] {
  const end = Math.ceil(size / blockSize) * blockSize
  return extents
    .filter(({ logical }) => logical < end)
    .map((each) => ({ ...each, length: Math.min(each.length, end - each.logical) }))
}

/** @param extents sorted */
export function partsOf(extents: readonly XfsExtent[]): Part[] {
  const parts: Part[] = []
  for (const { logical, length, unwritten } of extents) {
    const last = parts.at(-1)
    if (last && last.from + last.length === logical && last.unwritten === unwritten) {
      parts[parts.length - 1] = { ...last, length: last.length + length }
    } else {
      parts.push({ from: logical, length, unwritten })
    }
  }
  return parts
}

/** What one reservation each takes, so that holes stay holes. */
export function stretchesOf(extents: readonly XfsExtent[]): Stretch[] {
  const stretches: Stretch[] = []
  for (const { logical, length } of extents) {
    const last = stretches.at(-1)
    if (last && last.from + last.length === logical)
      stretches[stretches.length - 1] = { from: last.from, length: last.length + length }
    else stretches.push({ from: logical, length })
  }
  return stretches
}

/** The fewest extents these contents can have. */
export const fewestExtents = (extents: readonly XfsExtent[], blockSize: number): number =>
  partsOf(extents).reduce((sum, { length }) => sum + Math.ceil(length / blockSize / longestExtentBlocks), 0)

/** Extents that are one on the disk count once, whatever the kernel's records say. */
export function countExtents(extents: readonly XfsExtent[]): number {
  let count = 0
  let last: XfsExtent | undefined
  for (const each of extents) {
    const continues =
      last !== undefined &&
      last.unwritten === each.unwritten &&
      last.logical + last.length === each.logical &&
      last.physical + last.length === each.physical
    if (!continues) count++
    last = each
  }
  return count
}

/** Mean distance of a file's blocks from a block, in blocks; how far --near came. */
export function distanceFrom(block: number, extents: readonly XfsExtent[], blockSize: number): number {
  let blocks = 0
  let sum = 0
  for (const { physical, length } of extents) {
    const n = length / blockSize
    blocks += n
    sum += n * Math.abs(physical / blockSize + (n - 1) / 2 - block)
  }
  return blocks === 0 ? 0 : Math.round(sum / blocks)
}
