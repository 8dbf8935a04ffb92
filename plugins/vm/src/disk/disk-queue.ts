/**
 * Which request a disk serves next and when it will be done: a state machine over
 * simulated milliseconds, without clock or bytes.
 *
 * `lanes` requests are served at a time. Each has a latency of its own; then its
 * bytes take the first time at which the one cable is free for all of them. When a
 * lane becomes free, the waiting request with the shortest latency from there takes
 * it (what native command queueing does), but none is passed over more than 32 times.
 *
 * A lane that becomes free at `t` takes over at `t` even if the caller learns of it
 * later: lateness of the caller's clock does not add up.
 */
import { Cable } from './cable.js'
import type { DiskModel, DiskRequest } from './disk-model.js'

/** As deep as the queue of a SATA disk. */
const mostPassedOver = 32

export interface Service {
  /** Simulated time at which it began. */
  readonly begun: number
  /** Simulated time at which its last byte is through. */
  readonly due: number
  /** Milliseconds until its first byte. */
  readonly latency: number
  /** Milliseconds in the queue before. */
  readonly waited: number
  /** Bytes from where the request before it ended; the first counts from byte 0. */
  readonly distance: number
}

interface Waiting<T> {
  readonly request: DiskRequest
  readonly arrived: number
  readonly tag: T
  passedOver: number
}

export type OnBegin<T> = (tag: T, request: DiskRequest, service: Service) => void

export class DiskQueue<T> {
  private waiting: Waiting<T>[] = []
  private inService = 0
  private readonly cable = new Cable()
  private last = 0

  private readonly model: DiskModel
  private readonly scale: number
  private readonly onBegin: OnBegin<T>

  /**
   * @param scale   multiplies every delay; 0 answers at once
   * @param onBegin called when a request's turn has come, from within `add` and `done`
   */
  constructor(model: DiskModel, scale: number, onBegin: OnBegin<T>) {
    this.model = model
    this.scale = scale
    this.onBegin = onBegin
  }

  get depth(): number {
    return this.waiting.length + this.inService
  }

  /** @param now milliseconds, never less than in the call before */
  add(request: DiskRequest, tag: T, now: number): void {
    const entry = { request, arrived: now, tag, passedOver: 0 }
    if (this.inService < this.model.lanes) this.begin(entry, now)
    else this.waiting.push(entry)
  }

  /** The request whose service this was is through; the next begins where it ended. */
  done(service: Service): void {
    this.inService--
    const next = this.next(service.due)
    if (next) this.begin(next, Math.max(service.due, next.arrived))
  }

  /** The model lives in unscaled time, so that a chunk on its way arrives when it should. */
  private modelTime(now: number): number {
    return this.scale === 0 ? 0 : now / this.scale
  }

  private next(now: number): Waiting<T> | undefined {
    if (this.waiting.length === 0) return undefined
    let best = 0
    if (this.waiting[0]!.passedOver < mostPassedOver) {
      let shortest = Infinity
      for (const [i, { request }] of this.waiting.entries()) {
        const latency = this.model.latency(request, this.modelTime(now))
        if (latency < shortest) {
          shortest = latency
          best = i
        }
      }
    }
    for (let i = 0; i < best; i++) this.waiting[i]!.passedOver++
    return this.waiting.splice(best, 1)[0]
  }

  private begin({ request, arrived, tag }: Waiting<T>, now: number): void {
    const latency = this.model.latency(request, this.modelTime(now))
    this.model.begin(request, this.modelTime(now))
    const { offset, length } = request
    const due = this.cable.reserve(now, now + latency * this.scale, (length / this.model.bytesPerMs) * this.scale)
    const distance = offset - this.last
    this.last = offset + length
    this.inService++
    this.onBegin(tag, request, { begun: now, due, latency, waited: now - arrived, distance })
  }
}
