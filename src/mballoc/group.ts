import { Buddy } from './buddy.js'

/**
 * One loaded block group: its buddy bitmaps, and what is read off them after each
 * change. Block numbers here count from the group's first block.
 *
 * The invariant: starts and ends list the maximal free runs inside the group, in
 * order (ends[i] < starts[i + 1]); longest, head and tail are the longest of them,
 * the one that touches the group's first block and the one that touches its last,
 * 0 when there is none.
 */
export class Group {
  readonly buddy: Buddy
  readonly starts: number[] = []
  readonly ends: number[] = []
  longest = 0
  /** Whether it differs from what the loader gave. */
  changed = false

  /** All blocks used. */
  constructor(readonly size: number) {
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

  /** Reads the runs off the bitmap; to be called after every change of the buddy. */
  refresh(): void {
    let count = 0
    this.longest = 0
    for (let start = this.buddy.nextFree(0); start < this.size;) {
      const end = this.buddy.nextUsed(start)
      this.starts[count] = start
      this.ends[count] = end
      count++
      if (end - start > this.longest) this.longest = end - start
      start = this.buddy.nextFree(end)
    }
    this.starts.length = count
    this.ends.length = count
  }
}
