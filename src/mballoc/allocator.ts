/**
 * A multi-block allocator in the manner of ext4's mballoc: it answers "give me
 * `length` blocks near `goal`" from what is free, and knows nothing of disks.
 *
 * The data. The filesystem is cut into block groups. A group that was needed is
 * loaded: its free runs, given by a callback, become buddy bitmaps (buddy.ts) and a
 * list of its free runs (group.ts). Of every group, loaded or not, six figures are
 * kept (free-space.ts): free blocks, number of free runs, the longest, the one at
 * its head, the one at its tail, and the order of the largest free chunk; and the
 * group stands in two sets of lists, by that order and by the order of its average
 * free run (group-lists.ts). For a group never loaded they are bounds, drawn from
 * its free count where that is known.
 *
 * The invariants. With F the free blocks, P those freed but not yet committed, and
 * everything else in use:
 *
 *     F and P have no block in common
 *     free[k](i) = free[k-1](2i) and free[k-1](2i+1)          in each loaded group
 *     sum over orders of maximal[k] * 2^k = free[g]           in each loaded group
 *     sum over groups of free[g] = |F|                        once all counts are known
 *     list of g = order of its figure                         in both sets of lists
 *     figures of a group not loaded >= its true figures       so skipping it is right
 *
 * The operations are changes to F and P:
 *
 *     allocate   F := F - result        the result was in F, in `within`, not in `forbid`
 *     markUsed   F := F - run           refused unless run was in F
 *     free       F := F + run           refused unless run was in neither
 *     freeLater  P := P + run           refused unless run was in neither
 *     commit     F := F + P, P := {}
 *
 * A request that cannot be met changes nothing. freeLater is for moves in rounds: a
 * block given up in one round still holds the only good copy until that round is
 * on stable storage, so it must not become a target before.
 *
 * The search. A request is met in pieces: one if it is contiguous, else as many as
 * it takes. With a fixed start the first piece is what is usable from the goal on;
 * every other piece is found by the strategy, `criteria` (criteria.ts: forward from
 * the goal, then backward, group by group; the next piece is searched from the end
 * of the last) or `best-fit` (best-fit.ts: the smallest hole among the near ones;
 * always from the request's goal). A piece of a request with fixed length is cut
 * short only when no hole holds what is still wanted.
 */
import { usageError } from '../errors.js'
import { blockRun, runEnd, type BlockRun } from '../layout/run.js'
import { RunSet } from '../layout/run-set.js'
import { byBestFit } from './best-fit.js'
import { byCriteria, type Piece } from './criteria.js'
import { FreeSpace, type AllocatorGeometry, type FreeSpaceSource } from './free-space.js'
import { usableEnd, type Search } from './hole.js'
import { needBlocks, type AllocationRequest } from './request.js'

/** How many pieces each way of searching has found. */
export type AllocatorCounters = Readonly<Record<Piece['by'], number>>

export class Allocator {
  private readonly space: FreeSpace
  private readonly pending = new RunSet()
  private readonly found: Record<Piece['by'], number> = {
    'fixed-start': 0,
    goal: 0,
    power2: 0,
    'goal-fast': 0,
    'best-avail': 0,
    'goal-slow': 0,
    any: 0,
    'best-fit': 0,
    longest: 0,
  }

  private readonly source: FreeSpaceSource

  /** @throws usage for an impossible geometry; corrupt when a free count exceeds its group */
  constructor(source: FreeSpaceSource) {
    this.source = source
    this.space = new FreeSpace(source)
  }

  /** An allocator over free space known as a whole, in any order; blocks outside the filesystem are ignored. */
  static of(geometry: AllocatorGeometry, free: Iterable<BlockRun>): Allocator {
    const { blocksPerGroup, firstDataBlock, blockCount } = geometry
    const all = free instanceof RunSet ? free.clone() : RunSet.of(free)
    const blocksOf = (group: number): BlockRun => {
      const start = firstDataBlock + group * blocksPerGroup
      return blockRun(start, Math.min(blocksPerGroup, blockCount - start))
    }
    return new Allocator({
      geometry,
      loadGroup: (group) => all.within(blocksOf(group)),
      freeCount: (group) => {
        let count = 0
        for (const run of all.within(blocksOf(group))) count += run.length
        return count
      },
    })
  }

  /**
   * Finds blocks and marks them used.
   * @returns the runs, in the order a file should take them (for best-fit without
   *   fixedStart: ascending): exactly `length` blocks with fixedLength, else 1 to
   *   `length`; one run with contiguous. Undefined when it cannot be done, and then
   *   nothing has changed.
   * @throws usage for a goal outside the filesystem or a length that is not a
   *   positive integer; corrupt when a group that was needed contradicts its free count
   */
  allocate(request: AllocationRequest): BlockRun[] | undefined {
    return this.gather(request, true)
  }

  /** What `allocate` would return now, leaving everything free. */
  find(request: AllocationRequest): BlockRun[] | undefined {
    return this.gather(request, false)
  }

  private gather(request: AllocationRequest, keep: boolean): BlockRun[] | undefined {
    const { goal, length, flags = {}, strategy = 'criteria', near = this.source.geometry.blocksPerGroup } = request
    needBlocks('the goal', goal, this.space.first, this.space.end - 1)
    needBlocks('the length', length, 1)
    needBlocks('the reach of best-fit', near, 0)
    const search = this.searchOf(request)
    if (search.from >= search.to) return undefined
    if (flags.fixedLength && length > Math.min(search.to - search.from, this.space.freeBlocksAtMost)) return undefined

    const wholeOnly = flags.contiguous === true && flags.fixedLength === true
    const pieces: Piece[] = []
    const taken: BlockRun[] = []
    let complete = false
    try {
      let left = length
      let at: number = goal
      while (left > 0) {
        const from = strategy === 'criteria' ? { ...search, goal: at } : search
        const seek = (whole: boolean): Piece | undefined =>
          strategy === 'criteria'
            ? byCriteria(this.space, from, left, whole)
            : byBestFit(this.space, from, left, whole, near)
        const piece =
          flags.fixedStart && pieces.length === 0
            ? this.atGoal(search, left, wholeOnly)
            : wholeOnly
              ? seek(true)
              : ((flags.fixedLength ? seek(true) : undefined) ?? seek(false))
        if (!piece) break
        this.space.loadAll(piece.run)
        pieces.push(piece)
        left -= piece.run.length
        if (flags.contiguous) break
        this.space.take(piece.run)
        taken.push(piece.run)
        at = Math.min(runEnd(piece.run), this.space.end - 1)
      }
      complete = flags.fixedLength ? left === 0 : pieces.length > 0
    } finally {
      if (!complete || !keep) for (const run of taken) this.space.give(run)
    }
    if (!complete) return undefined
    if (keep) {
      if (flags.contiguous) this.space.take(pieces[0]!.run)
      for (const piece of pieces) this.found[piece.by]++
    }
    const runs = pieces.map((piece) => piece.run)
    return strategy === 'best-fit' && !flags.fixedStart ? runs.sort((a, b) => a.start - b.start) : runs
  }

  private atGoal(search: Search, length: number, whole: boolean): Piece | undefined {
    const end = usableEnd(this.space, search, search.goal, search.goal + length)
    if (end === search.goal || (whole && end < search.goal + length)) return undefined
    return { run: blockRun(search.goal, end - search.goal), by: 'fixed-start' }
  }

  private searchOf({ goal, within, forbid }: AllocationRequest): Search {
    if (within) {
      needBlocks('the start of the region', within.start, 0)
      needBlocks('the length of the region', within.length, 1)
    }
    return {
      goal,
      from: Math.max(this.space.first, within?.start ?? 0),
      to: Math.min(this.space.end, within ? runEnd(within) : Infinity),
      forbid: forbid && forbid.size > 0 ? forbid : undefined,
    }
  }

  /** Takes a run out of the free space. @throws usage when a block of it is not free */
  markUsed(run: BlockRun): void {
    if (!this.isFree(run))
      throw usageError('not-free', `blocks ${run.start} to ${run.start + run.length - 1} are not all free`)
    this.space.take(run)
  }

  /** Gives a run back, to be used at once. @throws usage when a block of it is free already */
  free(run: BlockRun): void {
    this.needUsed(run)
    this.space.give(run)
  }

  /** Gives a run back, to be used after the next `commit`. @throws usage when a block of it is free already */
  freeLater(run: BlockRun): void {
    this.needUsed(run)
    this.pending.add(run)
  }

  /** Makes free what was given to `freeLater`. */
  commit(): void {
    for (const run of [...this.pending]) {
      this.space.give(run)
      this.pending.remove(run)
    }
  }

  private needUsed(run: BlockRun): void {
    this.needRun(run)
    if (this.pending.intersects(run) || !this.space.isUsed(run)) {
      throw usageError('already-free', `blocks ${run.start} to ${run.start + run.length - 1} are not all in use`)
    }
    this.space.loadAll(run)
  }

  private needRun(run: BlockRun): void {
    needBlocks('the start of the run', run.start, this.space.first, this.space.end - 1)
    needBlocks('the length of the run', run.length, 1)
    needBlocks('the last block of the run', run.start + run.length - 1, this.space.first, this.space.end - 1)
  }

  /** Whether every block of the run is free; loads its groups. */
  isFree(run: BlockRun): boolean {
    this.needRun(run)
    if (!this.space.isFree(run)) return false
    this.space.loadAll(run)
    return true
  }

  /** The free runs in a region, in order, joined across groups; loads its groups. */
  freeRuns(within: BlockRun): BlockRun[] {
    this.needRun(within)
    this.space.loadAll(within)
    return [...this.space.freeRuns(within)]
  }

  /** Free blocks; loads the groups whose count is not known. */
  get freeBlocks(): number {
    return this.space.freeBlocks
  }

  /** Blocks given to `freeLater` and not yet committed. */
  get pendingBlocks(): number {
    return this.pending.blocks
  }

  /** The longest free run, the first of several; undefined when nothing is free. Loads groups that may hold it. */
  largestFree(): BlockRun | undefined {
    const longest = this.space.longestRun()
    if (longest) this.space.loadAll(longest)
    return longest
  }

  /** What found the pieces given out so far. */
  get counters(): AllocatorCounters {
    return { ...this.found }
  }

  /** How often a group was loaded. */
  get groupLoads(): number {
    return this.space.loads
  }

  /** Recomputes all that is kept and compares. For tests. @throws Error naming what is wrong */
  checkInvariants(): void {
    this.space.checkInvariants()
    for (const run of this.pending) {
      if (!this.space.isUsed(run))
        throw new Error(`a block of the ${run.length} at ${run.start} is both free and waiting to be`)
    }
  }
}
