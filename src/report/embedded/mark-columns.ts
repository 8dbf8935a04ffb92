/**
 * A boot's reads in few bytes. Each column by itself, as differences from what is
 * likely (a read starts where the last one ended), as variable-length integers: a
 * packed boot costs about a byte a read and column, and deflates well.
 *
 * Format: the number of marks, then for each column its values in order. A value is
 * zigzag-coded and written in groups of seven bits, lowest first, the top bit saying
 * that more follow. Numbers up to 2^52 pass.
 */

export const markKinds = ['data', 'directory', 'symlink', 'tree', 'xattr', 'device', 'inode'] as const

export interface MarkColumns {
  readonly count: number
  /** First block on the disk. */
  readonly start: Float64Array
  /** Blocks. */
  readonly length: Float64Array
  /** Blocks read before. */
  readonly at: Float64Array
  /** Microseconds; the last known where there is none. */
  readonly time: Float64Array
  /** Index of the file, -1 for fixed blocks. */
  readonly file: Int32Array
  /** Index into markKinds. */
  readonly kind: Uint8Array
  /** First block, counted from its owner's start. */
  readonly block: Float64Array
}

type Column = Exclude<keyof MarkColumns, 'count'>

/** In the order they are written; a guess may use the columns before it. */
const guesses: readonly (readonly [Column, (marks: MarkColumns, i: number) => number])[] = [
  ['length', () => 1],
  ['start', ({ start, length }, i) => (i === 0 ? 0 : start[i - 1]! + length[i - 1]!)],
  ['at', ({ at, length }, i) => (i === 0 ? 0 : at[i - 1]! + length[i - 1]!)],
  ['time', ({ time }, i) => (i === 0 ? 0 : time[i - 1]!)],
  ['file', ({ file }, i) => (i === 0 ? 0 : file[i - 1]!)],
  ['kind', ({ kind }, i) => (i === 0 ? 0 : kind[i - 1]!)],
  ['block', ({ block, length, file }, i) => (i > 0 && file[i] === file[i - 1] ? block[i - 1]! + length[i - 1]! : 0)],
]

export const emptyColumns = (count: number): MarkColumns => ({
  count,
  start: new Float64Array(count),
  length: new Float64Array(count),
  at: new Float64Array(count),
  time: new Float64Array(count),
  file: new Int32Array(count),
  kind: new Uint8Array(count),
  block: new Float64Array(count),
})

export function encodeMarks(marks: MarkColumns): Uint8Array {
  const bytes: number[] = []
  const put = (value: number): void => {
    let rest = value < 0 ? -value * 2 - 1 : value * 2
    while (rest >= 128) {
      bytes.push((rest % 128) + 128)
      rest = Math.floor(rest / 128)
    }
    bytes.push(rest)
  }
  put(marks.count)
  for (const [column, guess] of guesses) for (let i = 0; i < marks.count; i++) put(marks[column][i]! - guess(marks, i))
  return Uint8Array.from(bytes)
}

/** @throws RangeError when the bytes end early or hold more marks than they could */
export function decodeMarks(bytes: Uint8Array): MarkColumns {
  let at = 0
  const take = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined || scale > 2 ** 49) throw new RangeError('The marks end in the middle of a number.')
      value += (byte % 128) * scale
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
  }
  const count = take()
  if (count < 0 || count * guesses.length > bytes.length) throw new RangeError('There are fewer marks than it says.')
  const marks = emptyColumns(count)
  for (const [column, guess] of guesses) for (let i = 0; i < count; i++) marks[column][i] = take() + guess(marks, i)
  return marks
}
