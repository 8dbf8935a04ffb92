const day = 86_400_000_000

/** Times of day, as tools print them, turned into microseconds since the first one; midnight does not turn time back. */
export class WallClock {
  private first: number | undefined
  private last = 0
  private days = 0

  ofDay(hours: number, minutes: number, seconds: number): number {
    let t = Math.round((hours * 3600 + minutes * 60 + seconds) * 1e6) + this.days * day
    // Processes report a little out of order; half a day back is midnight.
    if (this.first !== undefined && t < this.last - day / 2) {
      this.days++
      t += day
    }
    return this.since(t)
  }

  /** @param seconds since 1970, or since the line before when that is what the tool prints */
  epoch(seconds: number): number {
    return this.since(Math.round(seconds * 1e6))
  }

  relative(seconds: number): number {
    return this.since(this.last + Math.round(seconds * 1e6))
  }

  private since(t: number): number {
    this.last = t
    this.first ??= t
    return Math.max(0, t - this.first)
  }
}
