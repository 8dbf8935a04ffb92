/**
 * One cable, many requests: who is ready first does not wait for one that began
 * earlier but is ready later.
 *
 * Invariant: the reserved times are sorted and do not overlap.
 */
export class Cable {
  private reserved: { readonly from: number; readonly to: number }[] = []

  /**
   * Takes the first free time of `duration` that begins at `ready` or later.
   * @param now what ended before is forgotten
   * @returns when it ends
   */
  reserve(now: number, ready: number, duration: number): number {
    this.reserved = this.reserved.filter(({ to }) => to > now)
    let from = ready
    let place = 0
    for (const taken of this.reserved) {
      if (from + duration <= taken.from) break
      from = Math.max(from, taken.to)
      place++
    }
    this.reserved.splice(place, 0, { from, to: from + duration })
    return from + duration
  }
}
