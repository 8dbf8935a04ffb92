/**
 * Runs of blocks and who claims them, in columns: 21 bytes each instead of an
 * object, because a scan of a large disk may find millions.
 */
export interface Claim {
  readonly start: number
  readonly length: number
  readonly inode: number
  readonly logical: number
  /** What the caller made of kind, state and reason; 8 bits. */
  readonly tag: number
}

/** Of a start, when the list is put in order. */
const digitBits = 11
const digitMask = 2 ** digitBits - 1

export class ClaimList {
  private starts = new Float64Array(1024)
  private lengths = new Uint32Array(1024)
  private inodes = new Uint32Array(1024)
  private logicals = new Uint32Array(1024)
  private tags = new Uint8Array(1024)
  private count = 0

  get size(): number {
    return this.count
  }

  add(start: number, length: number, inode: number, logical: number, tag: number): void {
    if (this.count === this.starts.length) this.grow()
    const at = this.count++
    this.starts[at] = start
    this.lengths[at] = length
    this.inodes[at] = inode
    this.logicals[at] = logical
    this.tags[at] = tag
  }

  at(index: number): Claim {
    return {
      start: this.starts[index]!,
      length: this.lengths[index]!,
      inode: this.inodes[index]!,
      logical: this.logicals[index]!,
      tag: this.tags[index]!,
    }
  }

  /**
   * Indices by ascending start, those added first before others with the same start:
   * dealt out digit by digit, the lowest first, which keeps the order within a digit.
   */
  order(): Uint32Array {
    const { starts, count } = this
    let order = Uint32Array.from({ length: count }, (_, index) => index)
    let other = new Uint32Array(count)
    const word = new Uint32Array(count)
    let highest = 0
    for (let at = 0; at < count; at++) if (starts[at]! > highest) highest = starts[at]!
    for (let unit = 1; unit <= highest; unit *= 2 ** 32) {
      for (let at = 0; at < count; at++) word[at] = starts[at]! / unit
      const highestWord = Math.floor(highest / unit)
      for (let shift = 0; shift < 32 && 2 ** shift <= highestWord; shift += digitBits) {
        const next = new Uint32Array(2 ** digitBits + 1)
        for (let at = 0; at < count; at++) next[((word[at]! >>> shift) & digitMask) + 1]!++
        for (let digit = 1; digit <= digitMask; digit++) next[digit]! += next[digit - 1]!
        for (let at = 0; at < count; at++) {
          const index = order[at]!
          other[next[(word[index]! >>> shift) & digitMask]!++] = index
        }
        ;[order, other] = [other, order]
      }
    }
    return order
  }

  private grow(): void {
    const larger = this.starts.length * 2
    const copy = <Column extends Float64Array | Uint32Array | Uint8Array>(into: Column, from: Column): Column => {
      into.set(from)
      return into
    }
    this.starts = copy(new Float64Array(larger), this.starts)
    this.lengths = copy(new Uint32Array(larger), this.lengths)
    this.inodes = copy(new Uint32Array(larger), this.inodes)
    this.logicals = copy(new Uint32Array(larger), this.logicals)
    this.tags = copy(new Uint8Array(larger), this.tags)
  }
}
