import { blockRun, type BlockRun } from '../layout/run.js'
import type { RunSet } from '../layout/run-set.js'
import type { FreeSpace } from './free-space.js'

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
export function visitHoles(space: FreeSpace, search: Search, group: number, least: number, visit: (hole: Hole) => void): void {
  const { starts, ends, size } = space.group(group)
  const base = space.startOf(group)
  const piece = (start: number, end: number): void => {
    const whole: Hole = {
      start: start === base ? usableStart(space, search, start) : start,
      end: end === base + size ? usableEnd(space, search, end) : end,
    }
    if (whole.end - whole.start < least) return
    const nearest = whole.start > search.goal ? whole.start : whole.end <= search.goal ? whole.end - 1 : search.goal
    if (space.groupOf(nearest) === group) visit(whole)
  }
  for (let i = 0; i < starts.length; i++) {
    const touches = starts[i] === 0 || ends[i] === size
    if (!touches && ends[i]! - starts[i]! < least) continue
    const start = Math.max(base + starts[i]!, search.from)
    const end = Math.min(base + ends[i]!, search.to)
    if (start >= end) continue
    const run = blockRun(start, end - start)
    if (!search.forbid?.intersects(run)) piece(start, end)
    else for (const part of search.forbid.missingFrom(run)) piece(part.start, part.start + part.length)
  }
}

/**
 * Visits the groups of the search's region that `next` and `previous` name: from
 * the goal's group forward to the last, then from the one before it backward to
 * the first. Ends at the first answer.
 */
export function searchGroups<T>(
  space: FreeSpace, search: Search,
  lists: { next(order: number, from: number, to: number): number, previous(order: number, from: number, to: number): number },
  order: number, visit: (group: number) => T | undefined,
): T | undefined {
  const home = space.groupOf(search.goal)
  const first = space.groupOf(search.from)
  const last = space.groupOf(search.to - 1)
  for (let group = lists.next(order, Math.max(home, first), last); group >= 0; group = lists.next(order, group + 1, last)) {
    const found = visit(group)
    if (found !== undefined) return found
  }
  for (let group = lists.previous(order, Math.min(home - 1, last), first); group >= 0; group = lists.previous(order, group - 1, first)) {
    const found = visit(group)
    if (found !== undefined) return found
  }
  return undefined
}
