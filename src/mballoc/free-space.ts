import { corrupt, unsupported, usageError } from '../errors.js'
import { fsBlock } from '../layout/block.js'
import { blockRun, type BlockRun } from '../layout/run.js'
import { floorLog2 } from './buddy.js'
import { Group } from './group.js'
import { averageOrder, boundsOf, figuresOf, GroupFigures, type Figures } from './group-figures.js'

/** The shape of a filesystem, as far as an allocator cares; volume's Geometry fits. */
export interface AllocatorGeometry {
  /** Blocks of the whole filesystem. */
  readonly blockCount: number
  /** Where group 0 begins: 1 with 1 KiB blocks, else 0. */
  readonly firstDataBlock: number
  readonly blocksPerGroup: number
}

/** Where free space is learnt from, group by group. */
export interface FreeSpaceSource {
  readonly geometry: AllocatorGeometry
  /**
   * The free runs of a group, in any order, inside the group. Asked when the group
   * is first needed, and perhaps again while the allocator has not changed it; the
   * answer must be the same each time.
   */
  readonly loadGroup: (group: number) => Iterable<BlockRun>
  /** How many blocks of a group are free, where that is known without loading it. */
  readonly freeCount?: ((group: number) => number | undefined) | undefined
  /** Unchanged groups beyond this many are forgotten and loaded again when needed; 1024 (some 10 MB with 4 KiB blocks). */
  readonly groupsInMemory?: number | undefined
  /** How many groups either way of the goal's the fast criteria look into; 16. */
  readonly fastGroups?: number | undefined
}

const mostBlocksPerGroup = 8 * 65536 // one bitmap block of the largest block size
const mostGroups = 2 ** 22

/**
 * The same filesystem in groups of a size the allocator keeps bitmaps for: those of ext4 as
 * they are, larger ones (allocation groups of XFS) in equal pieces.
 */
export function inPieces(geometry: AllocatorGeometry): AllocatorGeometry {
  const { blockCount, firstDataBlock, blocksPerGroup } = geometry
  const pieces = Math.ceil(blocksPerGroup / mostBlocksPerGroup)
  return pieces <= 1 ? geometry : { blockCount, firstDataBlock, blocksPerGroup: Math.ceil(blocksPerGroup / pieces) }
}

/**
 * Which blocks are free: the groups that were needed, loaded, and the figures of all.
 *
 * The invariant: a loaded group has exact figures. So has a group that is full or
 * empty by its free count; that is enough to skip it or to measure a run across it,
 * but nothing of it is given out before it is loaded and bears the count out.
 */
export class FreeSpace {
  readonly first: number
  readonly end: number
  readonly groupCount: number
  readonly fastGroups: number
  readonly figures: GroupFigures
  private readonly loaded = new Map<number, Group>()
  /** Groups whose free count is not known. */
  private readonly uncounted = new Set<number>()
  /** How often the loader was called. */
  loads = 0

  private readonly source: FreeSpaceSource

  /** @throws usage for an impossible geometry; corrupt for a free count larger than its group */
  constructor(source: FreeSpaceSource) {
    this.source = source
    const { blockCount, firstDataBlock, blocksPerGroup } = source.geometry
    if (!Number.isSafeInteger(blocksPerGroup) || blocksPerGroup < 1 || blocksPerGroup > mostBlocksPerGroup) {
      throw usageError('bad-geometry', `${blocksPerGroup} blocks per group: expected 1 to ${mostBlocksPerGroup}`)
    }
    if (
      !Number.isSafeInteger(firstDataBlock) ||
      firstDataBlock < 0 ||
      !Number.isSafeInteger(blockCount) ||
      blockCount <= firstDataBlock
    ) {
      throw usageError('bad-geometry', `blocks ${firstDataBlock} to ${blockCount}: expected at least one block`)
    }
    this.first = firstDataBlock
    this.end = blockCount
    this.fastGroups = source.fastGroups ?? 16
    this.groupCount = Math.ceil((blockCount - firstDataBlock) / blocksPerGroup)
    if (this.groupCount > mostGroups) {
      throw unsupported('too-many-groups', `${this.groupCount} block groups: at most ${mostGroups} are handled`)
    }
    this.figures = new GroupFigures(this.groupCount, (group) => this.sizeOf(group), floorLog2(blocksPerGroup))
    for (let group = 0; group < this.groupCount; group++) {
      const size = this.sizeOf(group)
      const count = source.freeCount?.(group)
      if (count !== undefined && !(Number.isInteger(count) && count >= 0 && count <= size)) {
        throw corrupt('block group', group, `its descriptor says ${count} free blocks, it has ${size} blocks`)
      }
      if (count === undefined) this.uncounted.add(group)
      this.figures.set(group, boundsOf(count ?? size), count === 0 || count === size)
    }
  }

  groupOf(block: number): number {
    return Math.floor((block - this.first) / this.source.geometry.blocksPerGroup)
  }

  startOf(group: number): number {
    return this.first + group * this.source.geometry.blocksPerGroup
  }

  sizeOf(group: number): number {
    return Math.min(this.source.geometry.blocksPerGroup, this.end - this.startOf(group))
  }

  /** Free blocks; loads the groups whose count was not given. */
  get freeBlocks(): number {
    for (const group of [...this.uncounted]) this.group(group)
    return this.figures.sum
  }

  /** At least as many as there are free. */
  get freeBlocksAtMost(): number {
    return this.figures.sum
  }

  get loadedGroups(): number {
    return this.loaded.size
  }

  /** The group, loaded. @throws corrupt when the loader contradicts itself or the free count */
  group(index: number): Group {
    const known = this.loaded.get(index)
    if (known) return known
    const group = this.load(index)
    const limit = this.source.groupsInMemory ?? 1024
    if (this.loaded.size >= limit) this.forget(this.loaded.size - limit + 1)
    this.loaded.set(index, group)
    this.uncounted.delete(index)
    this.figures.set(index, figuresOf(group), true)
    return group
  }

  private load(index: number): Group {
    this.loads++
    const start = this.startOf(index)
    const group = new Group(this.sizeOf(index))
    for (const run of this.source.loadGroup(index)) {
      if (!(
        Number.isSafeInteger(run.start) &&
        Number.isSafeInteger(run.length) &&
        run.length > 0 &&
        run.start >= start &&
        run.start + run.length <= start + group.size
      )) {
        throw corrupt(
          'block group',
          index,
          `a free run of ${run.length} blocks at ${run.start} is not inside its blocks ${start} to ${start + group.size - 1}`,
        )
      }
      if (!group.give(run.start - start, run.length)) {
        throw corrupt('block group', index, `the free run of ${run.length} blocks at ${run.start} overlaps another`)
      }
    }
    const count = this.uncounted.has(index) ? group.buddy.free : this.figures.free[index]!
    if (group.buddy.free !== count) {
      throw corrupt(
        'block group',
        index,
        `its bitmap has ${group.buddy.free} free blocks, its descriptor says ${count}`,
      )
    }
    return group
  }

  /** Drops unchanged groups, those loaded longest ago first; their statistics stay. */
  private forget(count: number): void {
    for (const [index, group] of this.loaded) {
      if (count <= 0) return
      if (group.changed) continue
      this.loaded.delete(index)
      count--
    }
  }

  /** Whether the free runs inside the group average at least `length` blocks. Loads it unless its bounds deny it. */
  averages(group: number, length: number): boolean {
    return this.confirmed(group, () => this.figures.averages(group, length))
  }

  /** Whether the group has a free, aligned chunk of the order. Loads it unless its bounds deny it. */
  hasOrder(group: number, order: number): boolean {
    return this.confirmed(group, () => this.figures.byLargestOrder.orderOf(group) >= order)
  }

  /**
   * Whether a free run of `length` blocks may touch the group: inside it, or going
   * on across its boundaries. Loads it unless its bounds deny it.
   */
  mayHold(group: number, length: number): boolean {
    return this.confirmed(group, () => this.figures.mayHold(group, length))
  }

  /** Asks the figures; when those are only bounds and say yes, loads the group and asks again. */
  private confirmed(group: number, says: () => boolean): boolean {
    if (!says()) return false
    if (this.figures.exact[group] === 1) return true
    this.group(group)
    return says()
  }

  /** The end of the free run that begins at `block`, but not beyond `limit`; `block` itself when it is used. */
  runEnd(block: number, limit: number): number {
    let at = block
    while (at < limit) {
      const index = this.groupOf(at)
      const start = this.startOf(index)
      const end = start + this.sizeOf(index)
      // A group that is full or empty as a whole need not be loaded to know.
      if (this.figures.isEmpty(index)) break
      if (this.figures.isWhole(index)) at = end
      else {
        at = start + this.group(index).buddy.nextUsed(at - start)
        if (at < end) break
      }
    }
    return Math.min(at, limit)
  }

  /** The start of the free run that ends before `block`, but not before `limit`; `block` itself when the block before is used. */
  runStart(block: number, limit: number): number {
    let at = block
    while (at > limit) {
      const index = this.groupOf(at - 1)
      const start = this.startOf(index)
      if (this.figures.isEmpty(index)) break
      if (this.figures.isWhole(index)) at = start
      else {
        at = start + this.group(index).runStart(at - start)
        if (at > start) break
      }
    }
    return Math.max(at, limit)
  }

  /** Whether every block of the run is free. */
  isFree(run: BlockRun): boolean {
    // Cheap denials first, so that a long run across a used group loads nothing.
    for (const part of this.parts(run)) {
      if (this.figures.free[part.group]! < part.length) return false
    }
    return this.runEnd(run.start, run.start + run.length) === run.start + run.length
  }

  /** Whether no block of the run is free. */
  isUsed(run: BlockRun): boolean {
    for (const part of this.parts(run)) {
      if (this.figures.isEmpty(part.group)) continue
      if (this.group(part.group).buddy.nextFree(part.offset) < part.offset + part.length) return false
    }
    return true
  }

  /** Makes a run used. It must be free: callers look first, so that nothing is done by halves. */
  take(run: BlockRun): void {
    for (const part of this.parts(run)) {
      this.change(part.group, (group) => group.take(part.offset, part.length))
    }
  }

  /** Makes a run free. It must be used. */
  give(run: BlockRun): void {
    for (const part of this.parts(run)) {
      this.change(part.group, (group) => group.give(part.offset, part.length))
    }
  }

  private change(index: number, act: (group: Group) => boolean): void {
    const group = this.group(index)
    if (!act(group)) throw new Error(`block group ${index}: blocks were not in the state their user had made sure of`)
    group.changed = true
    this.figures.set(index, figuresOf(group), true)
  }

  /** Loads every group of the run, so that a contradiction shows before anything is changed. */
  loadAll(run: BlockRun): void {
    for (const part of this.parts(run)) this.group(part.group)
  }

  /** The parts of a run by group. */
  private *parts(run: BlockRun): Generator<{ group: number; offset: number; length: number }> {
    for (let at: number = run.start; at < run.start + run.length;) {
      const group = this.groupOf(at)
      const end = Math.min(run.start + run.length, this.startOf(group) + this.sizeOf(group))
      yield { group, offset: at - this.startOf(group), length: end - at }
      at = end
    }
  }

  /** The free runs inside `run`, in order, joined across groups. */
  *freeRuns(run: BlockRun): Generator<BlockRun> {
    const limit = run.start + run.length
    for (let at: number = run.start; at < limit;) {
      const end = this.runEnd(at, limit)
      if (end > at) {
        yield blockRun(at, end - at)
        at = end
      } else {
        at = this.nextFree(at, limit)
      }
    }
  }

  private nextFree(block: number, limit: number): number {
    let at = block
    while (at < limit) {
      const index = this.groupOf(at)
      const start = this.startOf(index)
      const size = this.sizeOf(index)
      if (!this.figures.isEmpty(index)) {
        const next = this.group(index).buddy.nextFree(at - start)
        if (next < size) return start + next
      }
      at = start + size
    }
    return limit
  }

  /** The longest free run; the first of several. Loads only groups that may hold it. */
  longestRun(): BlockRun | undefined {
    let start = 0
    let length = 0
    const next = (from: number): number => this.figures.byLargestOrder.next(0, from, this.groupCount - 1)
    for (let group = next(0); group >= 0; group = next(group + 1)) {
      if (!this.mayHold(group, length + 1)) continue
      const { starts } = this.group(group)
      const from = this.startOf(group)
      for (let i = 0; i < starts.length; i++) {
        // A run that comes in from the group before was measured there.
        if (starts[i] === 0 && group > 0 && this.runStart(from, from - 1) < from) continue
        const end = this.runEnd(from + starts[i]!, this.end)
        if (end - from - starts[i]! > length) {
          start = from + starts[i]!
          length = end - start
        }
      }
    }
    return length === 0 ? undefined : { start: fsBlock(start), length }
  }

  /** Recomputes what is kept of every loaded group. @throws Error naming what is wrong */
  checkInvariants(): void {
    let sum = 0
    for (let index = 0; index < this.groupCount; index++) {
      sum += this.figures.free[index]!
      const group = this.loaded.get(index)
      if (!group) continue
      group.checkInvariants()
      const expected = figuresOf(group)
      const kept = this.figures.get(index)
      for (const key of Object.keys(expected) as (keyof Figures)[]) {
        if (kept[key] !== expected[key])
          throw new Error(`group ${index}: ${key} is kept as ${kept[key]}, its bitmap says ${expected[key]}`)
      }
      if (this.figures.exact[index] !== 1 || this.figures.byAverage.orderOf(index) !== averageOrder(expected)) {
        throw new Error(`group ${index} is loaded, but stands in the wrong list`)
      }
    }
    if (sum !== this.figures.sum)
      throw new Error(`groups have ${sum} free blocks, the sum is kept as ${this.figures.sum}`)
    this.figures.byLargestOrder.checkInvariants()
    this.figures.byAverage.checkInvariants()
  }
}
