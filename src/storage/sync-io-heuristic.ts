/**
 * Whether a short read or write is made at once or by a thread of the pool.
 *
 * What the page cache answers takes microseconds, and waking a thread takes ten times as
 * long: such calls are made at once. A call that had to wait for a disk is told by its
 * time; then the next ones go to the pool, where several of them wait together. So does
 * one in a while in any case, since signals are only heard between calls that wait.
 */

/** Bytes. */
const longest = 64 * 1024
/** Milliseconds that tell a disk from the page cache. */
const slow = 1
/** Calls that go to the pool after a slow one. */
const pooledAfterSlow = 64
/** Calls made at once before one goes to the pool. */
const mostInARow = 256

export class AtOnce {
  private pooled = 0
  private inARow = 0

  /** @returns whether the call was made and did all of it; else nobody knows of it and the pool makes it, failures included */
  attempt(bytes: number, call: () => number): boolean {
    if (bytes > longest) return false
    if (this.pooled > 0) {
      this.pooled--
      return false
    }
    const began = performance.now()
    let done: number
    try {
      done = call()
    } catch {
      return false
    }
    if (performance.now() - began > slow) this.pooled = pooledAfterSlow
    else if (++this.inARow >= mostInARow) {
      this.inARow = 0
      this.pooled = 1
    }
    return done === bytes
  }
}
