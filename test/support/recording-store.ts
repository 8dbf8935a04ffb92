/**
 * A store in memory that remembers every write and every flush in order, and then
 * says what a disk may hold after a crash: everything up to the last flush before
 * it, and of what was written since, any part. A part is a block: blocks reach the
 * disk whole or not at all, but a write of several may be torn between them.
 */
import type { Store } from '../../src/storage/store.js'
import type { Random } from './random.js'

export type Step =
  { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array } | { readonly kind: 'flush' }

export class RecordingStore implements Store {
  readonly writable = true
  readonly size: number
  /** Everything that happened. A crash point is an index into it: the steps before it were issued. */
  readonly steps: Step[] = []
  private readonly now: Uint8Array

  private readonly base: Uint8Array

  constructor(base: Uint8Array) {
    this.base = base
    this.size = base.length
    this.now = new Uint8Array(base)
  }

  async read(offset: number, buffer: Uint8Array): Promise<void> {
    if (offset + buffer.length > this.size)
      throw new RangeError(`read of ${buffer.length} bytes at ${offset} in ${this.size}`)
    buffer.set(this.now.subarray(offset, offset + buffer.length))
  }

  async write(offset: number, buffer: Uint8Array): Promise<void> {
    if (offset + buffer.length > this.size)
      throw new RangeError(`write of ${buffer.length} bytes at ${offset} in ${this.size}`)
    this.now.set(buffer, offset)
    this.steps.push({ kind: 'write', offset, bytes: new Uint8Array(buffer) })
  }

  async flush(): Promise<void> {
    this.steps.push({ kind: 'flush' })
  }

  async close(): Promise<void> {}

  /** Flushes among the steps before `point`. */
  flushesBefore(point: number): number {
    return this.steps.slice(0, point).filter((step) => step.kind === 'flush').length
  }

  /**
   * What the disk holds when the steps before `point` were issued.
   * @param keep says of each block written since the last flush whether it arrived
   * @param partBytes bytes that arrive whole; writes are cut at multiples of it
   */
  after(point: number, partBytes: number, keep: () => boolean): Uint8Array {
    let durable = point
    while (durable > 0 && this.steps[durable - 1]!.kind !== 'flush') durable--
    const image = new Uint8Array(this.base)
    this.steps.slice(0, point).forEach((step, index) => {
      if (step.kind === 'flush') return
      if (index < durable) image.set(step.bytes, step.offset)
      else for (const [offset, part] of cut(step.offset, step.bytes, partBytes)) if (keep()) image.set(part, offset)
    })
    return image
  }

  /** A crash at `point` whose luck is drawn from `random`: all lost, all arrived, or each with one chance. */
  crash(point: number, partBytes: number, random: Random): Uint8Array {
    const chance = random.pick([0, 1, 0.5, 0.1, 0.9, 0.97])
    return this.after(point, partBytes, () => random.fraction() < chance)
  }
}

function* cut(offset: number, bytes: Uint8Array, partBytes: number): Generator<[number, Uint8Array]> {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + partBytes - ((offset + at) % partBytes))
    yield [offset + at, bytes.subarray(at, end)]
    at = end
  }
}
