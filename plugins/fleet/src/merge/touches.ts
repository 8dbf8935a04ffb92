/**
 * Counting what boots touch, boot by boot, in columns: who streams the reads of each boot in
 * their order gets support, ranks and times of segments without holding a boot longer than
 * it takes. A million boots need more passes, not more memory.
 */
import { medianOfValues } from 'bootpack/trace'

/** Reads as numbers, grouped by boot and in order within each; `t` and `reader` are null where it is not told. */
export interface SeenReads {
  readonly boot: ArrayLike<number>
  /** Number of the distinct read. */
  readonly shape: ArrayLike<number>
  readonly t: ArrayLike<number | null>
  readonly reader: ArrayLike<number | null>
}

export type Pass = () => AsyncIterable<SeenReads>

/** Values held in one pass: eight bytes each. */
const valuesAtOnce = 24_000_000

export class Touches {
  private readonly support: Int32Array

  private readonly segments: number
  private readonly first: Int32Array
  private readonly end: Int32Array
  private readonly pass: Pass
  private readonly atOnce: number

  /**
   * @param segments how many there are
   * @param first, end which of them each distinct read covers, [first, end)
   */
  constructor(segments: number, first: Int32Array, end: Int32Array, pass: Pass, atOnce = valuesAtOnce) {
    this.segments = segments
    this.first = first
    this.end = end
    this.pass = pass
    this.atOnce = atOnce
    this.support = new Int32Array(segments)
  }

  async countBoots(least: number): Promise<Map<number, number>> {
    this.support.fill(0)
    await this.eachTouch((segment) => void this.support[segment]!++)
    const kept = new Map<number, number>()
    for (const [segment, boots] of this.support.entries()) if (boots >= least) kept.set(segment, boots)
    return kept
  }

  /** Median rank of each. @param kept as countBoots gave them, or fewer */
  async ranks(kept: readonly number[]): Promise<Map<number, number>> {
    const isKept = new Uint8Array(this.segments)
    for (const segment of kept) isKept[segment] = 1
    const ranks = new Map<number, number>()
    for (const some of this.portions(kept)) {
      const values = new Values(this.segments, some, this.support)
      let rank = 0
      let now = -1
      await this.eachTouch((segment, boot) => {
        if (isKept[segment] === 0) return
        if (boot !== now) rank = 0
        now = boot
        values.add(segment, rank++)
      })
      for (const segment of some) ranks.set(segment, medianOfValues(values.of(segment)))
    }
    return ranks
  }

  async times(segments: readonly number[]): Promise<Map<number, number>> {
    const times = new Map<number, number>()
    for (const some of this.portions(segments)) {
      const values = new Values(this.segments, some, this.support)
      await this.eachTouch((segment, _, t) => {
        if (t !== null) values.add(segment, t)
      })
      for (const segment of some) {
        const told = values.of(segment)
        if (told.length > 0) times.set(segment, medianOfValues(told))
      }
    }
    return times
  }

  /** Per segment, in how many boots which reader reads it first: pairs of reader and boots. */
  async readers(kept: readonly number[]): Promise<Map<number, Map<number, number>>> {
    const counts = new Map<number, Map<number, number>>(kept.map((segment) => [segment, new Map()]))
    await this.eachTouch((segment, _boot, _t, reader) => {
      const readers = reader === null ? undefined : counts.get(segment)
      readers?.set(reader!, (readers.get(reader!) ?? 0) + 1)
    })
    return counts
  }

  /** Each segment once for each boot, in the order in which the boot first read it. */
  private async eachTouch(
    touch: (segment: number, boot: number, t: number | null, reader: number | null) => void,
  ): Promise<void> {
    const { first, end } = this
    const seenBy = new Int32Array(this.segments).fill(-1)
    for await (const { boot, shape, t, reader } of this.pass()) {
      for (let i = 0; i < boot.length; i++) {
        const by = boot[i]!
        const last = end[shape[i]!]!
        for (let segment = first[shape[i]!]!; segment < last; segment++) {
          if (seenBy[segment] === by) continue
          seenBy[segment] = by
          touch(segment, by, t[i]!, reader[i]!)
        }
      }
    }
  }

  private *portions(segments: readonly number[]): Generator<number[]> {
    let some: number[] = []
    let values = 0
    for (const segment of segments) {
      some.push(segment)
      values += this.support[segment]!
      if (values < this.atOnce) continue
      yield some
      some = []
      values = 0
    }
    if (some.length > 0) yield some
  }
}

/** One list of numbers for each of some segments, in one piece of memory. */
class Values {
  private readonly start: Int32Array
  private readonly used: Int32Array
  private readonly all: Float64Array

  constructor(segments: number, some: readonly number[], support: Int32Array) {
    this.start = new Int32Array(segments).fill(-1)
    this.used = new Int32Array(segments)
    let at = 0
    for (const segment of some) {
      this.start[segment] = at
      at += support[segment]!
    }
    this.all = new Float64Array(at)
  }

  add(segment: number, value: number): void {
    const start = this.start[segment]!
    if (start >= 0) this.all[start + this.used[segment]!++] = value
  }

  of(segment: number): Float64Array {
    const start = this.start[segment]!
    return this.all.subarray(start, start + this.used[segment]!)
  }
}
