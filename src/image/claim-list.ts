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
      start: this.starts[index]!, length: this.lengths[index]!, inode: this.inodes[index]!,
      logical: this.logicals[index]!, tag: this.tags[index]!,
    }
  }

  /** Indices by ascending start, those added first before others with the same start. */
  order(): Uint32Array {
    const { starts } = this
    return Uint32Array.from({ length: this.count }, (_, index) => index).sort((a, b) => starts[a]! - starts[b]! || a - b)
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
