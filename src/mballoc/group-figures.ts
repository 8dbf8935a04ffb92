import { floorLog2 } from './buddy.js'
import type { Group } from './group.js'
import { GroupLists } from './group-lists.js'

/** What is kept of a group, loaded or not; in blocks but for the last. */
export interface Figures {
  readonly free: number
  /** Number of free runs inside the group. */
  readonly fragments: number
  /** The longest free run inside the group. */
  readonly longest: number
  /** Free blocks at its beginning. */
  readonly head: number
  /** Free blocks at its end. */
  readonly tail: number
  /** Order of the largest free chunk; -1 when nothing is free. */
  readonly order: number
}

/** The figures a group would have if its `free` free blocks lay together, wherever a search might want them. */
export const boundsOf = (free: number): Figures => ({
  free,
  fragments: free === 0 ? 0 : 1,
  longest: free,
  head: free,
  tail: free,
  order: free === 0 ? -1 : floorLog2(free),
})

export const figuresOf = (group: Group): Figures => ({
  free: group.buddy.free,
  fragments: group.fragments,
  longest: group.longest,
  head: group.head,
  tail: group.tail,
  order: group.buddy.largestFreeOrder,
})

/** The list a group stands in by the average of its free runs: floor(log2(free / fragments)). */
export const averageOrder = (figures: Figures): number =>
  figures.free === 0 ? -1 : floorLog2(Math.floor(figures.free / figures.fragments))

/**
 * The figures by which a search skips groups, for all groups of a filesystem. For
 * a group that was never loaded they are bounds drawn from its free count (or its
 * size), so a group skipped by its figures would have been skipped by its bitmap
 * too, and what a search finds does not depend on what is loaded.
 *
 * The invariant, for every group g:
 *
 *     exact[g] = 1: the figures and lists say what the bitmap says
 *     exact[g] = 0: they say at least that (fragments: at most)
 *     sum = sum of free[g]
 */
export class GroupFigures {
  /** Groups by the order of their largest free chunk. */
  readonly byLargestOrder: GroupLists
  /** Groups by the order of their average free run. */
  readonly byAverage: GroupLists
  readonly exact: Uint8Array
  readonly free: Int32Array
  private readonly fragments: Int32Array
  private readonly longest: Int32Array
  private readonly head: Int32Array
  private readonly tail: Int32Array
  /** Sum of free over all groups; an upper bound while a count is not known. */
  sum = 0

  private readonly groups: number
  private readonly sizeOf: (group: number) => number

  constructor(groups: number, sizeOf: (group: number) => number, top: number) {
    this.groups = groups
    this.sizeOf = sizeOf
    this.byLargestOrder = new GroupLists(top, groups)
    this.byAverage = new GroupLists(top, groups)
    this.exact = new Uint8Array(groups)
    this.free = new Int32Array(groups)
    this.fragments = new Int32Array(groups)
    this.longest = new Int32Array(groups)
    this.head = new Int32Array(groups)
    this.tail = new Int32Array(groups)
  }

  set(group: number, figures: Figures, exact: boolean): void {
    this.exact[group] = exact ? 1 : 0
    this.sum += figures.free - this.free[group]!
    this.free[group] = figures.free
    this.fragments[group] = figures.fragments
    this.longest[group] = figures.longest
    this.head[group] = figures.head
    this.tail[group] = figures.tail
    this.byLargestOrder.move(group, figures.order)
    this.byAverage.move(group, averageOrder(figures))
  }

  get(group: number): Figures {
    return {
      free: this.free[group]!,
      fragments: this.fragments[group]!,
      longest: this.longest[group]!,
      head: this.head[group]!,
      tail: this.tail[group]!,
      order: this.byLargestOrder.orderOf(group),
    }
  }

  /** Whether no block of the group is free, for certain. */
  isEmpty(group: number): boolean {
    return this.exact[group] === 1 && this.free[group] === 0
  }

  /** Whether every block of the group is free, for certain. */
  isWhole(group: number): boolean {
    return this.exact[group] === 1 && this.free[group] === this.sizeOf(group)
  }

  /** Whether the free runs inside the group average at least `length` blocks. */
  averages(group: number, length: number): boolean {
    return this.free[group]! > 0 && this.free[group]! >= length * this.fragments[group]!
  }

  /** Whether a free run of `length` blocks touches the group: inside it, or going on across its boundaries. */
  mayHold(group: number, length: number): boolean {
    if (this.longest[group]! >= length) return true
    const head = this.head[group]!
    const tail = this.tail[group]!
    const before = head === 0 ? 0 : this.reach(group, -1, length)
    if (head + before >= length) return true
    const after = tail === 0 ? 0 : this.reach(group, 1, length)
    return tail + after >= length || (head === this.sizeOf(group) && before + head + after >= length)
  }

  /** How many free blocks go on beyond a group in one direction; stops counting at `enough`. */
  private reach(group: number, step: 1 | -1, enough: number): number {
    const near = step === 1 ? this.head : this.tail
    let blocks = 0
    for (let next = group + step; next >= 0 && next < this.groups && blocks < enough; next += step) {
      blocks += near[next]!
      if (near[next]! < this.sizeOf(next)) break
    }
    return blocks
  }
}
