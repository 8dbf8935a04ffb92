/**
 * The blocks no engine ever moves: superblocks, descriptors and the room kept for
 * more of them, bitmaps, inode tables, the MMP block, and with 1 KiB blocks the
 * boot block before the first group. Computed once from superblock and
 * descriptors; with flex_bg a TiB has fewer than 2,000 such runs.
 */
import { lowerBound } from '../../lower-bound.js'
import { corrupt } from '../../errors.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import type { FixedKind } from '../../layout/owner.js'
import type { FixedRun } from '../../volume/volume.js'
import type { GroupDescriptors } from './group-descriptors.js'
import { groupHead, groupStart, inodeTableBlocks } from '../format/group-layout.js'
import type { Superblock } from '../format/superblock.js'

/**
 * @returns sorted by start, disjoint, neighbours of one kind joined
 * @throws corrupt when a descriptor is damaged or two structures share a block
 */
export function computeFixedRuns(superblock: Superblock, groups: GroupDescriptors): FixedRun[] {
  const runs: FixedRun[] = []
  const add = (kind: FixedKind, start: number, length: number): void => {
    if (length > 0) runs.push({ ...blockRun(start, length), kind })
  }
  const tableBlocks = inodeTableBlocks(superblock)
  if (superblock.firstDataBlock > 0) add('superblock', 0, superblock.firstDataBlock)
  if (superblock.mmpBlock > 0) add('mmp', superblock.mmpBlock, 1)
  for (let group = 0; group < superblock.groupCount; group++) {
    const head = groupHead(superblock, group)
    const start = groupStart(superblock, group)
    add('superblock', start, head.superblock)
    add('group-descriptors', start + head.superblock, head.descriptors)
    add('reserved-descriptors', start + head.superblock + head.descriptors, head.reserved)
    const { blockBitmap, inodeBitmap, inodeTable } = groups.get(group)
    add('block-bitmap', blockBitmap, 1)
    add('inode-bitmap', inodeBitmap, 1)
    add('inode-table', inodeTable, tableBlocks)
  }
  runs.sort((a, b) => a.start - b.start)
  const joined: FixedRun[] = []
  for (const run of runs) {
    const last = joined.at(-1)
    if (last && last.start + last.length > run.start)
      throw corrupt('fixed metadata at block', run.start, `belongs to both ${last.kind} and ${run.kind}`)
    if (last && last.kind === run.kind && last.start + last.length === run.start) {
      joined[joined.length - 1] = { ...last, length: last.length + run.length }
    } else {
      joined.push(run)
    }
  }
  return joined
}

/** The runs of `sorted` that share blocks with `run`, whole. */
export function overlapping<Run extends BlockRun>(sorted: readonly Run[], run: BlockRun): Run[] {
  const found: Run[] = []
  for (let i = firstEndingAfter(sorted, run.start); i < sorted.length && sorted[i]!.start < run.start + run.length; i++)
    found.push(sorted[i]!)
  return found
}

/** Index of the first of the sorted, disjoint runs that ends after `block`. */
function firstEndingAfter(sorted: readonly BlockRun[], block: number): number {
  return lowerBound(sorted.length, (place) => sorted[place]!.start + sorted[place]!.length > block)
}
