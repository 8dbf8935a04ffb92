import { excerpt } from '../../text/escape-path.js'
import type { Trace } from '../model/trace.js'

/** Counts the lines an importer could not read and keeps the first few, fit to be shown. */
export class BadLines {
  private count = 0
  private readonly examples: { line: number; text: string }[] = []

  private readonly shown: number

  constructor(shown = 5) {
    this.shown = shown
  }

  /** @param line counted from 1 */
  add(line: number, bytes: Buffer, start: number, end: number): void {
    this.count++
    if (this.examples.length < this.shown) {
      // At most 4 bytes a character; what is cut inside one becomes a replacement character past the excerpt's end.
      this.examples.push({ line, text: excerpt(bytes.toString('utf8', start, Math.min(end, start + 500))) })
    }
  }

  get found(): Trace['bad'] {
    return { count: this.count, examples: [...this.examples] }
  }
}
