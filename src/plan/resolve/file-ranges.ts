/**
 * Which ranges of a file are worth placing by themselves.
 *
 * A 13 MB file of which a boot reads 3 MB costs 13 MB of the run when it is placed
 * whole: three times the writing and, on a disk with a head, ten megabytes to pass
 * over. Placed by ranges it costs extents instead: where a range leaves, the file is
 * cut. The recorded pages already hold what the kernel read ahead, so the ranges are
 * the recorded ones. What is not read is left out piece by piece, the longest first, as
 * long as the file has no more extents than the bound, which keeps its tree in the
 * inode, and as long as each extent more saves blocks enough.
 */
import { mergeExtents, relocateExtents, type Extent } from '../../layout/extent.js'
import { fileBlock, fsBlock } from '../../layout/block.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { TreeShape } from '../../layout/tree-size.js'
import type { FileLayout } from '../../layout/file-layout.js'
import type { BootSet } from './boot-set.js'

/**
 * Extents a file may end up with for the sake of its ranges, where nothing is known of trees;
 * one that has more already may keep them.
 */
const extentsOfUnknownTree = 4

/** Blocks an added extent must save: 64 KiB take a disk about as long as looking up one more extent. */
const blocksPerExtent = 16

/**
 * The parts to place, in file order, of every file for which parts pay; files that
 * are better placed whole are not in the map.
 */
export function fileRanges(boot: BootSet, trees: TreeShape | undefined): Map<number, readonly Extent[]> {
  const read = new Map<number, RunSet>()
  for (const { kind, inode, block, length } of boot.reads) {
    if (kind !== 'data') continue
    let blocks = read.get(inode)
    if (!blocks) read.set(inode, (blocks = new RunSet()))
    blocks.add(blockRun(block, length))
  }
  const ranges = new Map<number, readonly Extent[]>()
  for (const inode of boot.files) {
    const file = boot.layout.get(inode)!
    const parts = partsOf(file, read.get(inode) ?? new RunSet(), trees?.rootEntries ?? extentsOfUnknownTree)
    if (parts) ranges.set(inode, parts)
  }
  return ranges
}

function partsOf(file: FileLayout, read: RunSet, mostExtents: number): readonly Extent[] | undefined {
  const whole = file.extents.filter(({ unwritten }) => !unwritten)
  const wholeExtents = extentsAfter(file.extents, whole)
  const bound = Math.max(mostExtents, wholeExtents)
  const placed = RunSet.of(whole.map(({ logical, length }) => blockRun(logical, length)))
  if (![...placed].some((run) => read.intersects(run))) return undefined
  let parts: readonly Extent[] = whole
  let extents = wholeExtents
  for (const unread of unreadRuns(placed, read)) {
    placed.remove(unread)
    const fewer = cut(whole, placed)
    const after = extentsAfter(file.extents, fewer)
    if (after <= bound && unread.length >= blocksPerExtent * (after - extents)) {
      parts = fewer
      extents = after
    } else {
      placed.add(unread)
    }
  }
  return parts === whole ? undefined : parts
}

/** What the boot leaves unread, the longest first. */
const unreadRuns = (written: RunSet, read: RunSet): BlockRun[] =>
  [...written].flatMap((run) => [...read.missingFrom(run)]).sort((a, b) => b.length - a.length || a.start - b.start)

/** The parts of extents that lie in ranges of the file. */
function cut(extents: readonly Extent[], ranges: RunSet): Extent[] {
  return extents.flatMap(({ logical, physical, length, unwritten }) =>
    [...ranges.within(blockRun(logical, length))].map((range) => ({
      logical: fileBlock(range.start),
      physical: fsBlock(physical + (range.start - logical)),
      length: range.length,
      unwritten,
    })),
  )
}

/** How many extents the file has once the parts lie end to end elsewhere. */
function extentsAfter(extents: readonly Extent[], parts: readonly Extent[]): number {
  // Any place beyond all others will do: only who adjoins whom counts.
  let at = 2 ** 49
  const moves = parts.map(({ logical, length }) => {
    const to = fsBlock(at)
    at += length
    return { logical, length, to }
  })
  return mergeExtents(relocateExtents(extents, moves)).length
}
