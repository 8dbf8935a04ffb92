// A generator of pseudo-random numbers that a seed repeats (mulberry32, by Tommy Ettinger).
export class Random {
  constructor(seed) {
    this.state = seed >>> 0
  }

  /** From 0 up to but not including 1. */
  fraction() {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** A whole number from `low` to `high`, both included. */
  between(low, high) {
    return low + Math.floor(this.fraction() * (high - low + 1))
  }

  /** As `between`, but small numbers are far likelier: sizes of files are like that. */
  skewed(low, high) {
    return Math.round(low * (high / low) ** this.fraction())
  }

  pick(list) {
    return list[this.between(0, list.length - 1)]
  }

  shuffled(list) {
    const order = [...list]
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.between(0, i)
      ;[order[i], order[j]] = [order[j], order[i]]
    }
    return order
  }
}
