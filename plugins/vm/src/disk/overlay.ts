/**
 * What a guest writes, kept in memory page by page, so that the image stays as it
 * is and every boot starts from the same state.
 *
 * Invariant: a page is in the map if and only if some byte of it was written or is
 * about to be, and then it holds the whole page as the guest sees it.
 */

export const pageBytes = 4096

/** Fills the buffer from the image; bytes beyond its end are zero. */
export type ReadBelow = (offset: number, buffer: Buffer) => Promise<void>

export class Overlay {
  private readonly pages = new Map<number, Buffer>()

  private readonly below: ReadBelow
  private readonly limit: number

  /** @param limit bytes of memory */
  constructor(below: ReadBelow, limit: number) {
    this.below = below
    this.limit = limit
  }

  /** Bytes of memory in use. */
  get size(): number {
    return this.pages.size * pageBytes
  }

  /** @returns false, with nothing written, when it would take more memory than the limit */
  async write(offset: number, data: Uint8Array): Promise<boolean> {
    const end = offset + data.length
    const first = Math.floor(offset / pageBytes)
    const last = Math.ceil(end / pageBytes) - 1
    let fresh = 0
    for (let page = first; page <= last; page++) if (!this.pages.has(page)) fresh++
    if (this.size + fresh * pageBytes > this.limit) return false
    if (offset % pageBytes !== 0) await this.bring(first)
    if (end % pageBytes !== 0) await this.bring(last)
    // From here to the end without a pause: two writes to one page cannot miss each other.
    for (let page = first; page <= last; page++) {
      const from = Math.max(offset, page * pageBytes)
      const to = Math.min(end, (page + 1) * pageBytes)
      let held = this.pages.get(page)
      if (!held) this.pages.set(page, (held = Buffer.allocUnsafeSlow(pageBytes)))
      held.set(data.subarray(from - offset, to - offset), from - page * pageBytes)
    }
    return true
  }

  /** Lays what was written over bytes that came from the image. */
  cover(offset: number, buffer: Uint8Array): void {
    if (this.pages.size === 0) return
    const end = offset + buffer.length
    for (let page = Math.floor(offset / pageBytes); page * pageBytes < end; page++) {
      const held = this.pages.get(page)
      if (!held) continue
      const from = Math.max(offset, page * pageBytes)
      const to = Math.min(end, (page + 1) * pageBytes)
      buffer.set(held.subarray(from - page * pageBytes, to - page * pageBytes), from - offset)
    }
  }

  /** A page that will be written in part needs the rest from the image. */
  private async bring(page: number): Promise<void> {
    if (this.pages.has(page)) return
    const bytes = Buffer.allocUnsafeSlow(pageBytes)
    await this.below(page * pageBytes, bytes)
    // Another write may have come meanwhile; what it wrote counts.
    if (!this.pages.has(page)) this.pages.set(page, bytes)
  }
}
