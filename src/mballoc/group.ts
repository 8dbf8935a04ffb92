import { lowerBound } from '../lower-bound.js'
import { Buddy } from './buddy.js'

/**
 * One loaded block group: its buddy bitmaps, and the list of its free runs. Block
 * numbers here count from the group's first block.
 *
 * The invariant: starts and ends list the maximal free runs inside the group, in
 * order (ends[i] < starts[i + 1]), as the bitmap has them; longest is the longest
 * of them, head the one that touches the group's first block, tail the one that
 * touches its last, 0 when there is none.
 *
 * Taking cuts a run, giving joins up to two: each change costs a search and a
 * splice, where reading the bitmap again would cost the whole group.
 */
export class Group {
  readonly buddy: Buddy
  readonly starts: number[] = []
  readonly ends: number[] = []
  longest = 0
  /** Whether it differs from what the loader gave. */
  changed = false

  readonly size: number

  /** All blocks used. */
  constructor(size: number) {
    this.size = size
    this.buddy = new Buddy(size)
  }

  get fragments(): number {
    return this.starts.length
  }

  get head(): number {
    return this.starts[0] === 0 ? this.ends[0]! : 0
  }

  get tail(): number {
    return this.ends.at(-1) === this.size ? this.size - this.starts.at(-1)! : 0
  }

  /** Position of the first run that ends at or after `block`. */
  private firstEndingAt(block: number): number {
    return lowerBound(this.ends.length, (place) => this.ends[place]! >= block)
  }

  /** The start of the free run that holds the block before `block`; `block` itself when that is used. */
  runStart(block: number): number {
    const i = this.firstEndingAt(block)
    return i < this.starts.length && this.starts[i]! < block ? this.starts[i]! : block
  }

  /** Makes used blocks free. @returns false, and changes nothing, when one of them was free already */
  give(start: number, length: number): boolean {
    const end = start + length
    if (this.buddy.nextFree(start) < end) return false
    this.buddy.setFree(start, length)
    const i = this.firstEndingAt(start)
    const joinsBefore = this.ends[i] === start
    const after = joinsBefore ? i + 1 : i
    const joinsAfter = this.starts[after] === end
    const from = joinsBefore ? this.starts[i]! : start
    const to = joinsAfter ? this.ends[after]! : end
    const joined = Number(joinsBefore) + Number(joinsAfter)
    if (joined === 1) {
      this.starts[i] = from
      this.ends[i] = to
    } else {
      this.starts.splice(i, joined, from)
      this.ends.splice(i, joined, to)
    }
    this.longest = Math.max(this.longest, to - from)
    return true
  }

  /** Makes free blocks used. @returns false, and changes nothing, when one of them was used already */
  take(start: number, length: number): boolean {
    const end = start + length
    const i = this.firstEndingAt(end)
    if (i === this.starts.length || this.starts[i]! > start) return false
    this.buddy.setUsed(start, length)
    const from = this.starts[i]!
    const to = this.ends[i]!
    if (from === start && to === end) {
      this.starts.splice(i, 1)
      this.ends.splice(i, 1)
    } else if (from === start) {
      this.starts[i] = end
    } else {
      this.ends[i] = start
      if (to > end) {
        this.starts.splice(i + 1, 0, end)
        this.ends.splice(i + 1, 0, to)
      }
    }
    if (to - from === this.longest) this.longest = this.measureLongest()
    return true
  }

  private measureLongest(): number {
    let longest = 0
    for (let i = 0; i < this.starts.length; i++) longest = Math.max(longest, this.ends[i]! - this.starts[i]!)
    return longest
  }

  /** Reads the bitmap block by block and compares. @throws Error naming what is wrong */
  checkInvariants(): void {
    this.buddy.checkInvariants()
    const starts: number[] = []
    const ends: number[] = []
    for (let block = 0; block < this.size; block++) {
      if (!this.buddy.isFreeChunk(0, block)) continue
      if (ends.at(-1) === block) ends[ends.length - 1] = block + 1
      else {
        starts.push(block)
        ends.push(block + 1)
      }
    }
    if (starts.join() !== this.starts.join() || ends.join() !== this.ends.join()) {
      throw new Error(
        `its free runs are kept as ${this.starts.join()} to ${this.ends.join()}, its bitmap says ${starts.join()} to ${ends.join()}`,
      )
    }
    if (this.longest !== this.measureLongest())
      throw new Error(`its longest run is kept as ${this.longest}, it is ${this.measureLongest()}`)
  }
}
