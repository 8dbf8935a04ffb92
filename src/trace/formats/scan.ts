/** Reading numbers and names straight from bytes; a position of -1 means not what was expected. */

const zero = 48
const dot = 46

/** The last number read by `decimal`, `hexadecimal` or `seconds`, and the byte after it. */
export const scanned = { value: 0, end: 0 }

/** Digits from `at` on; false when there are none or the number is beyond 2^53. */
export function decimal(bytes: Buffer, at: number, end: number): boolean {
  let value = 0
  let i = at
  for (; i < end; i++) {
    const digit = bytes[i]! - zero
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
  }
  scanned.value = value
  scanned.end = i
  return i > at && value <= Number.MAX_SAFE_INTEGER
}

/** Lower or upper case digits without a prefix. */
export function hexadecimal(bytes: Buffer, at: number, end: number): boolean {
  let value = 0
  let i = at
  for (; i < end; i++) {
    const code = bytes[i]!
    let digit = code - zero
    if (digit < 0) break
    if (digit > 9) {
      digit = (code | 32) - 87
      if (digit < 10 || digit > 15) break
    }
    value = value * 16 + digit
  }
  scanned.value = value
  scanned.end = i
  return i > at && value <= Number.MAX_SAFE_INTEGER
}

/** `12.345678`, as microseconds; digits below a microsecond are cut. Without a dot: not a time in seconds, false. */
export function seconds(bytes: Buffer, at: number, end: number): boolean {
  if (!decimal(bytes, at, end) || bytes[scanned.end] !== dot) return false
  const whole = scanned.value
  let i = scanned.end + 1
  let micros = 0
  let digits = 0
  for (; i < end; i++) {
    const digit = bytes[i]! - zero
    if (digit < 0 || digit > 9) break
    if (digits < 6) {
      micros = micros * 10 + digit
      digits++
    }
  }
  if (digits === 0) return false
  for (; digits < 6; digits++) micros *= 10
  scanned.value = whole * 1e6 + micros
  scanned.end = i
  return true
}

/** Whether the ASCII text `expected` stands at `at`. */
export function standsAt(bytes: Buffer, at: number, end: number, expected: Buffer): boolean {
  if (at < 0 || at + expected.length > end) return false
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
  return true
}

/** First occurrence of `wanted` in [at, end), or -1. */
export function find(bytes: Buffer, at: number, end: number, wanted: Buffer): number {
  const first = wanted[0]
  const last = end - wanted.length
  for (let i = at; i <= last; i++) if (bytes[i] === first && standsAt(bytes, i, end, wanted)) return i
  return -1
}

/** First byte at or after `at` that is not a space. */
export function skipSpaces(bytes: Buffer, at: number, end: number): number {
  let i = at
  while (i < end && bytes[i] === 32) i++
  return i
}
