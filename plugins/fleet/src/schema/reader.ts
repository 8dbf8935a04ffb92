/**
 * Who reads, as a number: the first 64 bits of SHA-256 over program and unit, made here once
 * and stored beside them, so that every engine counts readers by eight bytes.
 */
import { createHash } from 'node:crypto'
import type { Reader } from 'bootpack/trace'
import { decodeText } from './text.js'

/** Equal exactly for equal readers; no name holds a zero byte. */
const readerKey = ({ by, unit }: Reader): string => `${by ?? ''}\0${unit ?? ''}`

/** A signed 64-bit number, and never 0, which stands for nobody in databases. */
export const readerNumber = (reader: Reader): bigint =>
  createHash('sha256').update(readerKey(reader), 'utf16le').digest().readBigInt64LE(0) || 1n

/** @returns undefined when nothing is told */
export function readerOf(by: string | undefined, unit: string | undefined): Reader | undefined {
  if (by === undefined && unit === undefined) return undefined
  return { ...(by === undefined ? {} : { by }), ...(unit === undefined ? {} : { unit }) }
}

/** From the columns of a row. */
export const readerOfColumns = (program: string | null, unit: string | null): Reader | undefined =>
  readerOf(program === null ? undefined : decodeText(program), unit === null ? undefined : decodeText(unit))

/** From the `extra` of a row of schema 1, which has no such columns. */
export function readerOfExtra(extra: string): Reader | undefined {
  const { by, unit } = JSON.parse(extra) as { readonly by?: unknown; readonly unit?: unknown }
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  return readerOf(text(by), text(unit))
}

/** The readers of a fleet by their numbers. */
export class Readers {
  private readonly byNumber = new Map<bigint, Reader>()

  /** @throws Error when two have one number: 64 bits make that a defect, not chance */
  add(number: bigint, reader: Reader): void {
    const there = this.byNumber.get(number)
    if (there !== undefined && readerKey(there) !== readerKey(reader))
      throw new Error(`Two readers have the number ${number}: ${readerKey(there)} and ${readerKey(reader)}.`)
    this.byNumber.set(number, reader)
  }

  get(number: bigint): Reader | undefined {
    return this.byNumber.get(number)
  }

  numbers(): bigint[] {
    return [...this.byNumber.keys()]
  }
}
