import { Errno } from '../fuse/errno.js'

/**
 * One thing at a time on the filesystem, in the order asked for. Whoever is called
 * off while waiting leaves the queue.
 */
export class Turns {
  private last: Promise<unknown> = Promise.resolve()

  /** @throws Errno EINTR when the signal came before it was this one's turn; what `work` throws */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(() => {
      if (signal.aborted) throw new Errno('EINTR')
      return work()
    })
    this.last = turn.catch(() => {})
    return turn
  }

  /** When everything asked for so far is done. */
  async idle(): Promise<void> {
    await this.last
  }
}
