/**
 * Calls back at a given time, to some hundredths of a millisecond. `setTimeout`
 * counts whole milliseconds, and a disk's answer takes a few.
 *
 * A worker sleeps in `Atomics.wait`, which is exact to a tenth of a millisecond
 * and costs no processor time; it rings a little early, and the rest is spent in
 * turns of the event loop, so that sockets are served meanwhile.
 */
import { Worker } from 'node:worker_threads'
import { milliseconds } from './clock.js'

/** Milliseconds by which the worker rings early: what waking up two threads takes. */
const early = 0.3

interface Entry {
  readonly due: number
  readonly ring: () => void
}

export class Alarm {
  /** Sorted, the next one last. */
  private readonly entries: Entry[] = []
  private readonly changes = new Int32Array(new SharedArrayBuffer(4))
  /** When the worker shall ring, milliseconds. Written before `changes`, read after it. */
  private readonly wake = new Float64Array(new SharedArrayBuffer(8)).fill(Infinity)
  private readonly worker: Worker
  private spinning = false

  constructor() {
    this.worker = new Worker(sleeper, { eval: true, workerData: { changes: this.changes, wake: this.wake } })
    this.worker.unref()
    this.worker.on('message', () => this.look())
  }

  /**
   * @param due  as {@link milliseconds} counts; what is past rings in the next turn
   * @param ring is never called from within this call
   */
  at(due: number, ring: () => void): void {
    let place = this.entries.length
    while (place > 0 && this.entries[place - 1]!.due <= due) place--
    this.entries.splice(place, 0, { due, ring })
    if (place === this.entries.length - 1) this.arm()
  }

  async close(): Promise<void> {
    this.entries.length = 0
    await this.worker.terminate()
  }

  private arm(): void {
    const next = this.entries.at(-1)
    if (!next || this.spinning) return
    if (next.due - milliseconds() <= early) {
      this.spinning = true
      setImmediate(() => this.spin())
      return
    }
    this.wake[0] = next.due - early
    Atomics.add(this.changes, 0, 1)
    Atomics.notify(this.changes, 0)
  }

  private spin(): void {
    this.spinning = false
    this.look()
  }

  private look(): void {
    for (let next = this.entries.at(-1); next && next.due <= milliseconds(); next = this.entries.at(-1)) {
      this.entries.pop()
      next.ring()
    }
    this.arm()
  }
}

/** A text and not a file, so that it runs the same from source and from the build. */
const sleeper = `
const { parentPort, workerData: { changes, wake } } = require('node:worker_threads')
const milliseconds = () => Number(process.hrtime.bigint()) / 1e6
for (;;) {
  const seen = Atomics.load(changes, 0)
  const left = wake[0] - milliseconds()
  if (left <= 0) parentPort.postMessage(0)
  Atomics.wait(changes, 0, seen, left > 0 ? left : Infinity)
}
`
