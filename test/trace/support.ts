/** The recordings beside the tests, and a generator of numbers that can be repeated. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Trace, TraceRead } from '../../src/trace/model/trace.js'
import { traceHeader } from '../../src/trace/model/trace.js'

const folder = new URL('../fixtures/trace/', import.meta.url)

export const fixturePath = (name: string): string => new URL(name, folder).pathname

export function fixture(name: string): Buffer {
  const bytes = readFileSync(new URL(name, folder))
  return name.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

/** Lines without the empty one after the last newline. */
export const fixtureLines = (name: string): string[] =>
  fixture(name)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')

/** Whole numbers below a limit. */
export function numbers(seed: number): (limit: number) => number {
  let state = seed % 2147483647 || 1
  return (limit) => {
    state = (state * 48271) % 2147483647
    return Math.floor((state / 2147483647) * limit)
  }
}

export const traceOf = (reads: readonly TraceRead[], source = 'test'): Trace => ({
  header: traceHeader(source),
  reads,
  bad: { count: 0, examples: [] },
})

export const read = (path: string, off = 0, len?: number, t?: number): TraceRead => ({
  ...(t === undefined ? {} : { t }),
  path,
  off,
  ...(len === undefined ? {} : { len }),
  kind: 'data',
})

/**
 * A stream that gives bytes in small pieces.
 * @param spoil each piece once the next is asked for, to see that nobody held on to it
 */
export async function* inPieces(
  bytes: Buffer,
  next: (limit: number) => number,
  longest: number,
  spoil: boolean,
): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + next(longest)
    const piece = Buffer.from(bytes.subarray(at, at + length))
    yield piece
    if (spoil) piece.fill(0x2a)
    at += length
  }
}
