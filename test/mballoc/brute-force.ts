/**
 * The allocator's documented answers, found the slow way: a plain array of "is this
 * block free" and every search from one end to the other. Shares nothing with
 * src/mballoc but the types of its requests.
 */
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import type { AllocationRequest } from '../../src/mballoc/request.js'

interface Hole {
  readonly start: number
  readonly length: number
}

export interface Shape {
  readonly blockCount: number
  readonly firstDataBlock: number
  readonly blocksPerGroup: number
}

/** Maximal runs of true in [from, to). */
function runsOf(bits: readonly boolean[], from: number, to: number): Hole[] {
  const runs: Hole[] = []
  for (let start = from; start < to; start++) {
    if (!bits[start] || (start > from && bits[start - 1])) continue
    let length = 0
    while (start + length < to && bits[start + length]) length++
    runs.push({ start, length })
  }
  return runs
}

export class BruteForce {
  readonly free: boolean[]
  readonly waiting: boolean[]
  /** What found the pieces of the last request. */
  found: string[] = []

  readonly shape: Shape
  readonly fastGroups: number

  /** @param fastGroups as for the allocator */
  constructor(shape: Shape, free: readonly boolean[], fastGroups = 16) {
    this.shape = shape
    this.fastGroups = fastGroups
    this.free = [...free]
    this.waiting = free.map(() => false)
  }

  private get first(): number {
    return this.shape.firstDataBlock
  }

  groupOf(block: number): number {
    return Math.floor((block - this.first) / this.shape.blocksPerGroup)
  }

  /** First block of a group and the first after it. */
  bounds(group: number): [number, number] {
    const start = this.first + group * this.shape.blocksPerGroup
    return [start, Math.min(start + this.shape.blocksPerGroup, this.shape.blockCount)]
  }

  set(run: BlockRun, free: boolean): void {
    for (let block: number = run.start; block < run.start + run.length; block++) this.free[block] = free
  }

  all(run: BlockRun, free: boolean): boolean {
    for (let block: number = run.start; block < run.start + run.length; block++)
      if (this.free[block] !== free) return false
    return true
  }

  freeRuns(from: number, to: number): Hole[] {
    return runsOf(this.free, from, to)
  }

  allocate(request: AllocationRequest): BlockRun[] | undefined {
    const { flags = {}, strategy = 'criteria', near = this.shape.blocksPerGroup } = request
    this.found = []
    const pieces: Hole[] = []
    let left = request.length
    let goal: number = request.goal
    while (left > 0) {
      const usable = this.usable(request)
      let piece: Hole | undefined
      if (flags.fixedStart && pieces.length === 0) {
        let length = 0
        while (length < left && usable[goal + length]) length++
        if (length > 0) piece = this.note('fixed-start', { start: goal, length })
      } else {
        const search = (whole: boolean): Hole | undefined =>
          strategy === 'criteria'
            ? this.byCriteria(usable, goal, left, whole)
            : this.byBestFit(usable, request.goal, left, whole, near)
        if (flags.fixedLength) piece = search(true)
        if (!piece && !(flags.fixedLength && flags.contiguous)) piece = search(false)
      }
      if (!piece) break
      pieces.push(piece)
      for (let block = piece.start; block < piece.start + piece.length; block++) this.free[block] = false
      left -= piece.length
      if (flags.contiguous) break
      goal = Math.min(piece.start + piece.length, this.shape.blockCount - 1)
    }
    if (pieces.length === 0 || (flags.fixedLength && left > 0)) {
      for (const piece of pieces) this.set(blockRun(piece.start, piece.length), true)
      return undefined
    }
    if (strategy === 'best-fit' && !flags.fixedStart) pieces.sort((a, b) => a.start - b.start)
    return pieces.map((piece) => blockRun(piece.start, piece.length))
  }

  private note<T>(by: string, piece: T): T {
    this.found.push(by)
    return piece
  }

  private usable({ within, forbid }: AllocationRequest): boolean[] {
    const forbidden = new Set<number>()
    for (const run of forbid ?? [])
      for (let block: number = run.start; block < run.start + run.length; block++) forbidden.add(block)
    return this.free.map(
      (free, block) =>
        free && !forbidden.has(block) && (!within || (block >= within.start && block < within.start + within.length)),
    )
  }

  private holes(usable: readonly boolean[]): Hole[] {
    return runsOf(usable, this.first, this.shape.blockCount)
  }

  private groupsFrom(goal: number): number[] {
    const groups = Array.from({ length: this.groupOf(this.shape.blockCount - 1) + 1 }, (_, group) => group)
    const home = this.groupOf(goal)
    return [...groups.slice(home), ...groups.slice(0, home).reverse()]
  }

  /** The block of a hole nearest to the goal, by looking at each. */
  private nearestBlock(hole: Hole, goal: number): number {
    let nearest = hole.start
    for (let block = hole.start; block < hole.start + hole.length; block++) {
      if (Math.abs(block - goal) < Math.abs(nearest - goal)) nearest = block
    }
    return nearest
  }

  private cut(hole: Hole, length: number, goal: number): Hole {
    if (hole.length <= length) return hole
    const early = hole.start
    const late = hole.start + hole.length - length
    return { start: Math.abs(early - goal) < Math.abs(late - goal) ? early : late, length }
  }

  /** The smallest hole of at least `length`, else the longest; then the nearest; then the later. */
  private best(holes: readonly Hole[], length: number, goal: number): Hole | undefined {
    const fitting = holes.filter((hole) => hole.length >= length)
    const size =
      fitting.length > 0
        ? Math.min(...fitting.map((hole) => hole.length))
        : Math.max(...holes.map((hole) => hole.length))
    const distance = (hole: Hole): number => Math.abs(this.nearestBlock(hole, goal) - goal)
    return holes
      .filter((hole) => hole.length === size)
      .sort((a, b) => distance(a) - distance(b) || b.start - a.start)[0]
  }

  private byCriteria(usable: readonly boolean[], goal: number, length: number, whole: boolean): Hole | undefined {
    const isUsable = (start: number, blocks: number): boolean => {
      for (let block = start; block < start + blocks; block++) if (!usable[block]) return false
      return true
    }
    if (isUsable(goal, length)) return this.note('goal', { start: goal, length })
    const groups = this.groupsFrom(goal)
    const near = groups.filter((group) => Math.abs(group - this.groupOf(goal)) <= this.fastGroups)
    const holes = this.holes(usable)
    const atHome = (group: number): Hole[] =>
      holes.filter((hole) => this.groupOf(this.nearestBlock(hole, goal)) === group)
    const figures = near.map((group) => {
      const runs = this.freeRuns(...this.bounds(group))
      return { group, average: runs.reduce((sum, run) => sum + run.length, 0) / Math.max(1, runs.length) }
    })
    const take = (group: number, least: number): Hole | undefined => {
      const candidates = atHome(group).filter((hole) => hole.length >= least)
      const hole = this.best(candidates, length, goal)
      return hole && this.cut(hole, length, goal)
    }
    const byAverage = (least: number): Hole | undefined => {
      for (const { group, average } of figures) {
        const piece = average >= least ? take(group, least) : undefined
        if (piece) return piece
      }
      return undefined
    }
    const byScan = (least: number): Hole | undefined => {
      for (const group of groups) {
        const piece = take(group, least)
        if (piece) return piece
      }
      return undefined
    }

    if (length >= 2 && Number.isInteger(Math.log2(length)) && length <= this.shape.blocksPerGroup) {
      for (const group of near) {
        const [start, end] = this.bounds(group)
        const isFreeChunk = (at: number, size: number): boolean =>
          at + size <= end && this.all(blockRun(at, size), true)
        for (let size = length; size <= end - start; size *= 2) {
          for (let at = start; at + size <= end; at += size) {
            const parent = start + Math.floor((at - start) / (2 * size)) * 2 * size
            if (!isFreeChunk(at, size) || isFreeChunk(parent, 2 * size)) continue
            for (let part = at; part < at + size; part += length) {
              if (isUsable(part, length)) return this.note('power2', { start: part, length })
            }
          }
        }
      }
    }
    const fast = byAverage(length)
    if (fast) return this.note('goal-fast', fast)
    if (!whole) {
      const order = Math.floor(Math.log2(length))
      for (const trim of [0, 1, 2, 3]) {
        if (order - trim < 0 || 2 ** (order - trim) === length) continue
        const piece = byAverage(2 ** (order - trim))
        if (piece) return this.note('best-avail', piece)
      }
    }
    const slow = byScan(length)
    if (slow) return this.note('goal-slow', slow)
    if (whole) return undefined
    const any = byScan(1)
    return any && this.note('any', any)
  }

  private byBestFit(
    usable: readonly boolean[],
    goal: number,
    length: number,
    whole: boolean,
    near: number,
  ): Hole | undefined {
    const holes = this.holes(usable)
    const distance = (hole: Hole): number => Math.abs(this.nearestBlock(hole, goal) - goal)
    const fitting = holes.filter((hole) => hole.length >= length)
    if (fitting.length > 0) {
      const nearest = Math.min(...fitting.map(distance))
      const hole = this.best(
        fitting.filter((one) => distance(one) <= nearest + near),
        length,
        goal,
      )!
      return this.note('best-fit', this.cut(hole, length, goal))
    }
    if (whole || holes.length === 0) return undefined
    return this.note('longest', this.cut(this.best(holes, length, goal)!, length, goal))
  }
}
