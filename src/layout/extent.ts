import { fileBlock, fsBlock, type FileBlock, type FsBlock } from './block.js'

/** A run of a file's blocks that is also a run of the filesystem's blocks. */
export interface Extent {
  readonly logical: FileBlock
  readonly physical: FsBlock
  /** In blocks, at least 1. */
  readonly length: number
  /** Allocated but never written: reads as zeros. */
  readonly unwritten: boolean
}

export const extent = (logical: number, physical: number, length: number, unwritten = false): Extent => ({
  logical: fileBlock(logical),
  physical: fsBlock(physical),
  length,
  unwritten,
})

/** Whether `next` continues `previous` both in the file and on the disk. */
export const continues = (previous: Extent, next: Extent): boolean =>
  previous.unwritten === next.unwritten &&
  previous.logical + previous.length === next.logical &&
  previous.physical + previous.length === next.physical

/**
 * The same mapping with as few extents as possible.
 * @param extents sorted by logical block, without overlap
 * @param longest upper bound of one extent, in blocks
 */
export function mergeExtents(extents: readonly Extent[], longest = Infinity): Extent[] {
  const merged: Extent[] = []
  for (const next of extents) {
    const last = merged.at(-1)
    if (last && continues(last, next) && last.length + next.length <= longest) {
      merged[merged.length - 1] = { ...last, length: last.length + next.length }
    } else {
      merged.push(next)
    }
  }
  return merged
}

/** A piece of a file that goes elsewhere: `length` blocks from `logical` on land at `to`. */
export interface Relocation {
  readonly logical: FileBlock
  readonly length: number
  readonly to: FsBlock
}

/**
 * The mapping after some of its blocks moved. Holes stay holes, unwritten stays
 * unwritten; the result is merged.
 * @param extents sorted by logical block
 * @param moves   not overlapping each other; parts of them over holes have no effect
 */
export function relocateExtents(
  extents: readonly Extent[],
  moves: readonly Relocation[],
  longest = Infinity,
): Extent[] {
  const sorted = [...moves].sort((a, b) => a.logical - b.logical)
  const pieces: Extent[] = []
  let first = 0
  for (const old of extents) {
    const end = old.logical + old.length
    while (first < sorted.length && sorted[first]!.logical + sorted[first]!.length <= old.logical) first++
    let at: number = old.logical
    const push = (until: number, physical: number): void => {
      if (until > at) pieces.push(extent(at, physical, until - at, old.unwritten))
      at = Math.max(at, until)
    }
    for (let i = first; i < sorted.length && sorted[i]!.logical < end; i++) {
      const move = sorted[i]!
      push(Math.max(at, move.logical), old.physical + (at - old.logical))
      push(Math.min(end, move.logical + move.length), move.to + (at - move.logical))
    }
    push(end, old.physical + (at - old.logical))
  }
  return mergeExtents(pieces, longest)
}
