import { lowerBound } from '../lower-bound.js'
import { fsBlock, type FsBlock } from './block.js'
import { blockRun, type BlockRun } from './run.js'

/**
 * A set of physical blocks, kept as sorted, disjoint, never touching runs.
 *
 * The invariant: starts[i] + lengths[i] < starts[i + 1]. Looking up costs
 * O(log runs); adding and removing cost one splice. Used for free space, for
 * reserved space and for the blocks of a window.
 */
export class RunSet implements Iterable<BlockRun> {
  private starts: number[] = []
  private lengths: number[] = []

  /** @param runs in any order, overlaps allowed */
  static of(runs: Iterable<BlockRun>): RunSet {
    const set = new RunSet()
    const { starts, lengths } = set
    let start = 0
    let end = -1
    const close = (): void => {
      if (end <= start) return
      starts.push(start)
      lengths.push(end - start)
    }
    for (const run of [...runs].sort((a, b) => a.start - b.start)) {
      if (run.length <= 0) continue
      if (run.start > end) {
        close()
        start = run.start
      }
      end = Math.max(end, run.start + run.length)
    }
    close()
    return set
  }

  clone(): RunSet {
    const copy = new RunSet()
    copy.starts = this.starts.slice()
    copy.lengths = this.lengths.slice()
    return copy
  }

  get size(): number {
    return this.starts.length
  }

  /** Blocks in the set. */
  get blocks(): number {
    let sum = 0
    for (const length of this.lengths) sum += length
    return sum
  }

  /** The run at a position in sorted order. */
  at(index: number): BlockRun {
    return blockRun(this.starts[index]!, this.lengths[index]!)
  }

  /** Position of the first run that ends after `block`. */
  firstEndingAfter(block: number): number {
    return lowerBound(this.starts.length, (place) => this.starts[place]! + this.lengths[place]! > block)
  }

  has(block: FsBlock): boolean {
    const index = this.firstEndingAfter(block)
    return index < this.starts.length && this.starts[index]! <= block
  }

  /** Whether every block of `run` is in the set. */
  contains(run: BlockRun): boolean {
    const index = this.firstEndingAfter(run.start)
    return (
      index < this.starts.length &&
      this.starts[index]! <= run.start &&
      this.starts[index]! + this.lengths[index]! >= run.start + run.length
    )
  }

  /** Whether any block of `run` is in the set. */
  intersects(run: BlockRun): boolean {
    const index = this.firstEndingAfter(run.start)
    return index < this.starts.length && this.starts[index]! < run.start + run.length
  }

  add(run: BlockRun): void {
    if (run.length <= 0) return
    let start: number = run.start
    let end = run.start + run.length
    // Touching neighbours are joined, so the search begins at the run that ends at start.
    const from = this.firstEndingAfter(start - 1)
    let to = from
    while (to < this.starts.length && this.starts[to]! <= end) {
      start = Math.min(start, this.starts[to]!)
      end = Math.max(end, this.starts[to]! + this.lengths[to]!)
      to++
    }
    this.starts.splice(from, to - from, start)
    this.lengths.splice(from, to - from, end - start)
  }

  remove(run: BlockRun): void {
    if (run.length <= 0) return
    const end = run.start + run.length
    const from = this.firstEndingAfter(run.start)
    const starts: number[] = []
    const lengths: number[] = []
    let to = from
    while (to < this.starts.length && this.starts[to]! < end) {
      const oldStart = this.starts[to]!
      const oldEnd = oldStart + this.lengths[to]!
      if (oldStart < run.start) {
        starts.push(oldStart)
        lengths.push(run.start - oldStart)
      }
      if (oldEnd > end) {
        starts.push(end)
        lengths.push(oldEnd - end)
      }
      to++
    }
    this.starts.splice(from, to - from, ...starts)
    this.lengths.splice(from, to - from, ...lengths)
  }

  /** The parts of the set inside `run`, in order. */
  *within(run: BlockRun): Generator<BlockRun> {
    const end = run.start + run.length
    for (let i = this.firstEndingAfter(run.start); i < this.starts.length && this.starts[i]! < end; i++) {
      const start = Math.max(this.starts[i]!, run.start)
      yield blockRun(start, Math.min(this.starts[i]! + this.lengths[i]!, end) - start)
    }
  }

  /** The parts of `run` outside the set, in order. */
  *missingFrom(run: BlockRun): Generator<BlockRun> {
    let at: number = run.start
    for (const inside of this.within(run)) {
      if (inside.start > at) yield blockRun(at, inside.start - at)
      at = inside.start + inside.length
    }
    if (at < run.start + run.length) yield blockRun(at, run.start + run.length - at)
  }

  *[Symbol.iterator](): Generator<BlockRun> {
    for (let i = 0; i < this.starts.length; i++) yield this.at(i)
  }

  /** The longest run, or undefined for an empty set. */
  longest(): BlockRun | undefined {
    let best = -1
    for (let i = 0; i < this.lengths.length; i++) if (best < 0 || this.lengths[i]! > this.lengths[best]!) best = i
    return best < 0 ? undefined : { start: fsBlock(this.starts[best]!), length: this.lengths[best]! }
  }
}
