/**
 * The buddy bitmaps of one block group: a pyramid of "is all of this free".
 *
 * The data. Order k cuts the group into chunks of 2^k blocks, counted from the
 * group's first block; only whole chunks exist, so order k has floor(size / 2^k)
 * of them. One bit per chunk.
 *
 * The invariant.
 *
 *     free[0](i) = block i is free
 *     free[k](i) = free[k-1](2i) and free[k-1](2i+1)
 *
 * A free chunk is *maximal* when its parent is not free. The maximal chunks are
 * what the kernel keeps as its buddies; here they follow from the pyramid, and so
 * do their counts, because a free chunk covers exactly two free chunks below it:
 *
 *     set[k]     = number of bits set at order k
 *     maximal[k] = set[k] - 2 * set[k+1]
 *     sum over k of maximal[k] * 2^k = set[0] = free blocks
 *
 * The operations. Taking blocks clears, at every order, the chunks that contain
 * one of them; it ends at the first order where nothing was set. Giving blocks
 * back sets, order by order, the chunks whose halves are now both set; inside the
 * range that is all of them, so only the two at its edges are looked at, and it
 * ends at the first order where no chunk became whole.
 */

/** The largest k with 2^k <= value; `value` is at least 1. */
export const floorLog2 = (value: number): number =>
  value < 2 ** 31 ? 31 - Math.clz32(value) : Math.floor(Math.log2(value))

function bitsIn(word: number): number {
  word -= (word >>> 1) & 0x55555555
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** Position of the lowest set bit; `word` is not 0. */
export const lowestBit = (word: number): number => 31 - Math.clz32(word & -word)

/** Each of the low 16 bits twice: bit i goes to bits 2i and 2i + 1. */
function twice(half: number): number {
  let word = half & 0xffff
  word = (word | (word << 8)) & 0x00ff00ff
  word = (word | (word << 4)) & 0x0f0f0f0f
  word = (word | (word << 2)) & 0x33333333
  word = (word | (word << 1)) & 0x55555555
  return word | (word << 1)
}

/** Sets or clears bits [from, to), which is not empty, and says how many changed. */
function fill(words: Uint32Array, from: number, to: number, set: boolean): number {
  const first = from >>> 5
  const last = (to - 1) >>> 5
  let changed = 0
  for (let w = first; w <= last; w++) {
    let mask = -1
    if (w === first) mask <<= from & 31
    if (w === last) mask &= -1 >>> (31 - ((to - 1) & 31))
    const old = words[w]!
    const now = set ? old | mask : old & ~mask
    changed += bitsIn(old ^ now)
    words[w] = now
  }
  return changed
}

export class Buddy {
  /** The highest order: the largest k with 2^k <= size. */
  readonly top: number
  private readonly levels: Uint32Array[] = []
  /** Bits set at each order, and a 0 above the highest. */
  private readonly set: Int32Array

  readonly size: number

  /** All blocks used. @param size blocks of the group, at least 1 */
  constructor(size: number) {
    this.size = size
    this.top = floorLog2(size)
    for (let order = 0; order <= this.top; order++) this.levels.push(new Uint32Array(((size >>> order) + 31) >>> 5))
    this.set = new Int32Array(this.top + 2)
  }

  get free(): number {
    return this.set[0]!
  }

  /** The highest order with a free chunk; -1 when nothing is free. */
  get largestFreeOrder(): number {
    let order = this.top
    while (order >= 0 && this.set[order] === 0) order--
    return order
  }

  /** Number of maximal free chunks of an order. */
  maximalChunks(order: number): number {
    return this.set[order]! - 2 * this.set[order + 1]!
  }

  /** Whether chunk `index` of `order` is free as a whole. */
  isFreeChunk(order: number, index: number): boolean {
    return ((this.levels[order]![index >>> 5]! >>> (index & 31)) & 1) === 1
  }

  /** Gives back `length` blocks from `start`, counted from the group's first. @returns how many were not free before */
  setFree(start: number, length: number): number {
    const changed = fill(this.levels[0]!, start, start + length, true)
    this.set[0]! += changed
    let from = start
    let to = start + length
    for (let order = 1; order <= this.top; order++) {
      const whole = (chunk: number): boolean =>
        this.isFreeChunk(order - 1, 2 * chunk) && this.isFreeChunk(order - 1, 2 * chunk + 1)
      from >>>= 1
      to = Math.min((to + 1) >>> 1, this.size >>> order)
      if (from < to && !whole(from)) from++
      if (from < to && !whole(to - 1)) to--
      if (from >= to) break
      this.set[order]! += fill(this.levels[order]!, from, to, true)
    }
    return changed
  }

  /** Takes `length` blocks from `start`. @returns how many were free before */
  setUsed(start: number, length: number): number {
    const last = start + length - 1
    let taken = 0
    for (let order = 0; order <= this.top; order++) {
      const from = start >>> order
      const to = Math.min((last >>> order) + 1, this.size >>> order)
      const changed = from < to ? fill(this.levels[order]!, from, to, false) : 0
      if (changed === 0) break
      this.set[order]! -= changed
      if (order === 0) taken = changed
    }
    return taken
  }

  /** The first free block at or after `from`; `size` when there is none. */
  nextFree(from: number): number {
    return this.next(from, 0)
  }

  /** The first used block at or after `from`; `size` when there is none. */
  nextUsed(from: number): number {
    return this.next(from, -1)
  }

  /** Searches order 0 a word at a time; `flip` is -1 to look for clear bits. */
  private next(from: number, flip: number): number {
    const words = this.levels[0]!
    if (from >= this.size) return this.size
    let w = from >>> 5
    let word = (words[w]! ^ flip) & (-1 << (from & 31))
    while (word === 0) {
      if (++w === words.length) return this.size
      word = words[w]! ^ flip
    }
    return Math.min(w * 32 + lowestBit(word), this.size)
  }

  /**
   * The first block of a free chunk of `order` that `accept` likes: out of the
   * smallest maximal chunk that holds one, so that larger chunks stay whole, and
   * the lowest of those.
   * @returns -1 when there is none
   */
  findChunk(order: number, accept: (start: number) => boolean): number {
    for (let k = order; k <= this.top; k++) {
      let left = this.maximalChunks(k)
      const words = this.levels[k]!
      const above = this.levels[k + 1]
      for (let w = 0; left > 0 && w < words.length; w++) {
        // A parent word may be missing at the end: chunks without a parent are maximal.
        const parents = (above?.[w >>> 1] ?? 0) >>> ((w & 1) * 16)
        for (let bits = words[w]! & ~twice(parents); bits !== 0; bits &= bits - 1) {
          left--
          const start = (w * 32 + lowestBit(bits)) * 2 ** k
          for (let at = start; at < start + 2 ** k; at += 2 ** order) if (accept(at)) return at
        }
      }
    }
    return -1
  }

  /** Recomputes everything from order 0, bit by bit. @throws Error naming what is wrong */
  checkInvariants(): void {
    for (let order = 0; order <= this.top; order++) {
      let set = 0
      for (let chunk = 0; chunk < this.levels[order]!.length * 32; chunk++) {
        const free = this.isFreeChunk(order, chunk)
        if (free) set++
        const expected =
          chunk < this.size >>> order &&
          (order === 0 ? free : this.isFreeChunk(order - 1, 2 * chunk) && this.isFreeChunk(order - 1, 2 * chunk + 1))
        if (free !== expected)
          throw new Error(`chunk ${chunk} of order ${order} is ${free ? 'free' : 'used'}, its halves say otherwise`)
      }
      if (set !== this.set[order])
        throw new Error(`order ${order} has ${set} free chunks, the count says ${this.set[order]}`)
    }
    let blocks = 0
    for (let order = 0; order <= this.top; order++) blocks += this.maximalChunks(order) * 2 ** order
    if (blocks !== this.free) throw new Error(`maximal chunks hold ${blocks} blocks, ${this.free} are free`)
  }
}
