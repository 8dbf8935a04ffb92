/**
 * Where a client is in a file whose positions are block numbers.
 *
 * In Jan Kara's mail the position of the descriptor is a block number: a read from
 * position F tells of block F and what follows, and leaves the position at the first
 * block it did not tell of. A FUSE filesystem is told the position of every read and
 * write, but the kernel then moves it on by the *bytes* that went over, and no answer
 * can make it do otherwise. So the descriptor remembers: a read of n bytes at position
 * F leaves the kernel's position at F + n, and the next one at exactly F + n goes on
 * where the last one stopped. Any other position is a block number.
 *
 * The invariant: [begin, end) are the positions of the text given last, `next` is the
 * block it stopped before, and `rest` what is still to be given of its last line.
 */
import { Errno } from '../fuse/errno.js'

export class Place {
  private begin = 0
  private end = 0
  private next = 0
  private rest = ''

  /**
   * The block meant by a position, and what of a line comes before it.
   * @param strict refuses positions inside the text given last. Only a client that
   *   takes the file for an ordinary text and goes back in it (a shell's `read`) asks
   *   for those; it would get the same first line for ever.
   * @throws Errno EINVAL
   */
  at(position: number, strict: boolean): { readonly block: number; readonly rest: string } {
    if (this.end > this.begin) {
      if (position === this.end) return { block: this.next, rest: this.rest }
      if (strict && position > this.begin && position < this.end) {
        throw new Errno('EINVAL', `position ${position} is inside the text that was read last`)
      }
    }
    return { block: position, rest: '' }
  }

  /** Notes that `length` bytes went over at `position`, and what comes next. */
  went(position: number, length: number, next: number, rest = ''): void {
    this.begin = position
    this.end = position + length
    this.next = next
    this.rest = rest
  }

  /** The first block not told of, where `position` is the end of the last text. The descriptor may be put there. */
  jump(position: number): number {
    const { block } = this.at(position, false)
    this.begin = this.end = 0
    return block
  }
}
