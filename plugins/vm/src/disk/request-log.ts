/**
 * Every request a disk was asked for, in the order in which it served them: for
 * figures, for a trace, and as a text that `bootpack trace import` reads.
 */
import type { DiskRequest } from './disk-model.js'
import type { Service } from './disk-queue.js'

export interface LoggedRequest extends DiskRequest {
  /** Milliseconds of the monotonic clock when it arrived. */
  readonly at: number
  /** Bytes from where the request before it ended. */
  readonly distance: number
  /** Milliseconds until its first byte, unscaled. */
  readonly latency: number
  /** Milliseconds it waited for its turn, as scaled. */
  readonly waited: number
}

/** What keeps memory bounded when a guest reads in circles for hours. */
const mostRequests = 2_000_000

export class RequestLog {
  readonly requests: LoggedRequest[] = []
  /** Requests that came after there was no more room. */
  lost = 0
  private open = true

  add({ offset, length, write }: DiskRequest, { begun, latency, waited, distance }: Service): void {
    if (!this.open) return
    if (this.requests.length === mostRequests) this.lost++
    else this.requests.push({ at: begun - waited, offset, length, write, distance, latency, waited })
  }

  /** What comes from now on is not recorded. */
  stop(): void {
    this.open = false
  }

  /** @param from milliseconds of the monotonic clock that count as 0 */
  text(from: number): string {
    const lines = this.requests.map(
      ({ at, write, offset, length, distance, latency, waited }) =>
        `${(Math.max(0, at - from) / 1e3).toFixed(6)} ${write ? 'W' : 'R'} ${offset} ${length} dist=${distance} pos_ms=${latency.toFixed(3)} wait_ms=${waited.toFixed(3)}\n`,
    )
    return lines.join('')
  }
}
