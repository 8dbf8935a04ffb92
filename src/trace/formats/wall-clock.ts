import { decimal, scanned, seconds } from './scan.js'

const day = 86_400_000_000

/** Times of day, as tools print them, turned into microseconds since the first one; midnight does not turn time back. */
export class WallClock {
  private first: number | undefined
  private last = 0
  private days = 0

  /** @param time microseconds since midnight */
  ofDay(time: number): number {
    let t = time + this.days * day
    // Processes report a little out of order; half a day back is midnight.
    if (this.first !== undefined && t < this.last - day / 2) {
      this.days++
      t += day
    }
    return this.since(t)
  }

  /** @param time microseconds since any fixed moment */
  absolute(time: number): number {
    return this.since(time)
  }

  /** @param time microseconds since the line before */
  relative(time: number): number {
    return this.since(this.last + time)
  }

  /**
   * The time at the front of a line: `10:03:10.473554`, `1795169023.153045` or, below
   * a hundred million, the seconds since the line before.
   * @returns NaN when there is none; `scanned.end` then is where it was looked for
   */
  read(bytes: Buffer, at: number, end: number): number {
    if (decimal(bytes, at, end)) {
      const first = scanned.value
      if (bytes[scanned.end] === 58 && scanned.end === at + 2) {
        if (decimal(bytes, at + 3, end) && bytes[scanned.end] === 58) {
          const minutes = first * 60 + scanned.value
          const from = scanned.end + 1
          if (seconds(bytes, from, end)) return this.ofDay(minutes * 6e7 + scanned.value)
          if (decimal(bytes, from, end)) return this.ofDay(minutes * 6e7 + scanned.value * 1e6)
        }
      } else if (seconds(bytes, at, end)) {
        return scanned.value < 1e14 ? this.relative(scanned.value) : this.absolute(scanned.value)
      }
    }
    scanned.end = at
    return NaN
  }

  private since(t: number): number {
    this.last = t
    this.first ??= t
    return Math.max(0, t - this.first)
  }
}
