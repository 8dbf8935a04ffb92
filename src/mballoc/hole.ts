import { blockRun, type BlockRun } from '../layout/run.js'
import type { RunSet } from '../layout/run-set.js'
import type { FreeSpace } from './free-space.js'
import type { GroupLists } from './group-lists.js'

/** What a search may use, and where it begins. */
export interface Search {
  readonly goal: number
  /** Only blocks in [from, to). */
  readonly from: number
  readonly to: number
  readonly forbid: RunSet | undefined
}

/** A maximal run of blocks that are free and that the search may use; it may cross groups. */
export interface Hole {
  readonly start: number
  readonly end: number
}

/** Blocks between a hole and the goal; 0 when the goal is in it. */
export const distanceOf = (hole: Hole, goal: number): number =>
  hole.start > goal ? hole.start - goal : hole.end <= goal ? goal - (hole.end - 1) : 0

/**
 * `length` blocks at the end of the hole that is nearer to the goal (the later one
 * on a tie), so that what is left of the hole stays in one piece; the whole hole
 * when it is no longer than that.
 */
export function placeIn(hole: Hole, length: number, goal: number): BlockRun {
  if (hole.end - hole.start <= length) return blockRun(hole.start, hole.end - hole.start)
  const late = hole.end - length
  return blockRun(Math.abs(late - goal) <= Math.abs(hole.start - goal) ? late : hole.start, length)
}

/** Whether `a` is the better place for `length` blocks: the smallest that holds them, else the longest; then the nearest; then the one after the goal. */
export function fitsBetter(a: Hole, b: Hole | undefined, length: number, goal: number): boolean {
  if (!b) return true
  const lengthA = a.end - a.start
  const lengthB = b.end - b.start
  if (lengthA >= length !== lengthB >= length) return lengthA >= length
  if (lengthA !== lengthB) return lengthA < lengthB === lengthA >= length
  const nearer = distanceOf(a, goal) - distanceOf(b, goal)
  return nearer < 0 || (nearer === 0 && a.start > b.start)
}

/** Whether the search may use every block of a free run. */
export const mayUse = (search: Search, run: BlockRun): boolean =>
  run.start >= search.from && run.start + run.length <= search.to && !search.forbid?.intersects(run)

/** The end of the usable run that begins at `block`; `block` itself when it is not usable. */
export function usableEnd(space: FreeSpace, search: Search, block: number, limit = search.to): number {
  if (block < search.from || block >= search.to) return block
  let stop = Math.min(limit, search.to)
  if (search.forbid) {
    const next = search.forbid.firstEndingAfter(block)
    if (next < search.forbid.size) stop = Math.min(stop, Math.max(block, search.forbid.at(next).start))
  }
  return space.runEnd(block, stop)
}

/** The start of the usable run that ends before `block`; `block` itself when the block before is not usable. */
function usableStart(space: FreeSpace, search: Search, block: number): number {
  if (block <= search.from) return block
  let stop = search.from
  if (search.forbid) {
    const next = search.forbid.firstEndingAfter(block - 1)
    if (next < search.forbid.size && search.forbid.at(next).start < block) return block
    if (next > 0) {
      const last = search.forbid.at(next - 1)
      stop = Math.max(stop, last.start + last.length)
    }
  }
  return space.runStart(block, stop)
}

/**
 * Visits the holes that are at home in a group and at least `least` blocks long. A
 * hole that crosses group boundaries is at home in one group only: that of its
 * block nearest to the goal. The kernel cannot use such a hole as one, its extents
 * end where the group ends; with flex_bg most boundaries have nothing on them.
 */
export function visitHoles(
  space: FreeSpace,
  search: Search,
  group: number,
  least: number,
  visit: (hole: Hole) => void,
): void {
  const { starts, ends, size } = space.group(group)
  const first = space.startOf(group)
  const piece = (start: number, end: number): void => {
    if (start > first && end < first + size) {
      if (end - start >= least) visit({ start, end })
      return
    }
    const hole: Hole = {
      start: start === first ? usableStart(space, search, start) : start,
      end: end === first + size ? usableEnd(space, search, end) : end,
    }
    if (hole.end - hole.start < least) return
    const nearest = hole.start > search.goal ? hole.start : hole.end <= search.goal ? hole.end - 1 : search.goal
    if (space.groupOf(nearest) === group) visit(hole)
  }
  for (let i = 0; i < starts.length; i++) {
    const touches = starts[i] === 0 || ends[i] === size
    if (!touches && ends[i]! - starts[i]! < least) continue
    const start = Math.max(first + starts[i]!, search.from)
    const end = Math.min(first + ends[i]!, search.to)
    if (start >= end) continue
    if (!search.forbid) {
      piece(start, end)
      continue
    }
    const run = blockRun(start, end - start)
    if (!search.forbid.intersects(run)) piece(start, end)
    else for (const part of search.forbid.missingFrom(run)) piece(part.start, part.start + part.length)
  }
}

/** Block groups of a search: those from `first` to `last`, beginning at `home`. */
export interface GroupRange {
  readonly home: number
  readonly first: number
  readonly last: number
}

/** The groups of a search's region; only those at most `reach` away from the goal's, if given. Perhaps none: last < first. */
export function groupsOf(space: FreeSpace, search: Search, reach = Infinity): GroupRange {
  const home = space.groupOf(search.goal)
  return {
    home,
    first: Math.max(space.groupOf(search.from), home - reach),
    last: Math.min(space.groupOf(search.to - 1), home + reach),
  }
}

/**
 * Visits the groups whose order in the lists is at least `order`: from the home
 * group forward to the last, then from the one before it backward to the first.
 * Ends at the first answer.
 */
export function searchGroups<T>(
  { home, first, last }: GroupRange,
  lists: GroupLists,
  order: number,
  visit: (group: number) => T | undefined,
): T | undefined {
  for (
    let group = lists.next(order, Math.max(home, first), last);
    group >= 0;
    group = lists.next(order, group + 1, last)
  ) {
    const found = visit(group)
    if (found !== undefined) return found
  }
  for (
    let group = lists.previous(order, Math.min(home - 1, last), first);
    group >= 0;
    group = lists.previous(order, group - 1, first)
  ) {
    const found = visit(group)
    if (found !== undefined) return found
  }
  return undefined
}
