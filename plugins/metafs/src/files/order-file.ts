import { Errno } from '../fuse/errno.js'
import type { OpenFile } from '../fuse/session.js'
import { Place } from './place.js'

export interface Carried {
  /** What reading the file tells afterwards: a line without its end. */
  readonly outcome: string
  /** For positions that are file blocks: the one behind the last block it was about. */
  readonly next?: number
}

export interface Order {
  /** How many numbers an order has. */
  readonly numbers: number
  /** @param block the file position */
  carryOut(numbers: readonly number[], block: number, signal: AbortSignal): Promise<Carried>
  /** What the file tells somebody who has written nothing: undefined for nothing. */
  outcome(): Promise<string | undefined>
}

/**
 * A file that takes orders: a write is one order, numbers in decimal. Reading tells
 * what came of the last one, on the same descriptor or, on one that has written
 * nothing, of any.
 */
export class OrderFile implements OpenFile {
  private readonly place = new Place()
  private own: string | undefined
  /** Position at which the outcome began to be read, and the text. */
  private told: { readonly at: number; readonly text: string } | undefined

  private readonly order: Order

  constructor(order: Order) {
    this.order = order
  }

  async read(position: number, size: number): Promise<Uint8Array> {
    if (!this.told || position < this.told.at) {
      const outcome = this.own ?? (await this.order.outcome())
      this.told = { at: position, text: outcome === undefined ? '' : `${outcome}\n` }
    }
    const from = position - this.told.at
    return Buffer.from(this.told.text.slice(from, from + size))
  }

  async write(position: number, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const numbers = parseNumbers(Buffer.from(bytes).toString('latin1'))
    if (numbers?.length !== this.order.numbers)
      throw new Errno('EINVAL', `${this.order.numbers} decimal numbers are expected`)
    const { block } = this.place.at(position, false)
    const { outcome, next } = await this.order.carryOut(numbers, block, signal)
    if (next !== undefined) this.place.went(position, bytes.length, next)
    this.own = outcome
    this.told = undefined
  }

  seekData(): Promise<never> {
    throw new Errno('ENXIO')
  }
}

/** @returns undefined unless the text is decimal numbers with blanks between them, in one line */
export function parseNumbers(text: string): number[] | undefined {
  const words = /^[ \t]*(\d{1,15}(?:[ \t]+\d{1,15})*)[ \t]*\n?$/.exec(text)?.[1]
  return words?.split(/[ \t]+/).map(Number)
}
