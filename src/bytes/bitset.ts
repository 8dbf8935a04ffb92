/**
 * Bits in a byte array, bit 0 the lowest bit of byte 0: the layout of ext4's
 * bitmaps. Ranges are half open, [from, to), in bits.
 */

const onesOf = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0
  for (let rest = byte; rest > 0; rest >>>= 1) count += rest & 1
  return count
})

export const hasBit = (bits: Uint8Array, bit: number): boolean => (bits[bit >>> 3]! & (1 << (bit & 7))) !== 0

export function setBit(bits: Uint8Array, bit: number): void {
  bits[bit >>> 3]! |= 1 << (bit & 7)
}

export function clearBit(bits: Uint8Array, bit: number): void {
  bits[bit >>> 3]! &= ~(1 << (bit & 7))
}

/** Mask of the bits [low, high) of one byte. */
const maskOf = (low: number, high: number): number => (0xff << low) & (0xff >>> (8 - high)) & 0xff

export function setRange(bits: Uint8Array, from: number, to: number): void {
  if (from >= to) return
  const first = from >>> 3
  const last = (to - 1) >>> 3
  if (first === last) {
    bits[first]! |= maskOf(from & 7, ((to - 1) & 7) + 1)
    return
  }
  bits[first]! |= maskOf(from & 7, 8)
  bits.fill(0xff, first + 1, last)
  bits[last]! |= maskOf(0, ((to - 1) & 7) + 1)
}

export function clearRange(bits: Uint8Array, from: number, to: number): void {
  if (from >= to) return
  const first = from >>> 3
  const last = (to - 1) >>> 3
  if (first === last) {
    bits[first]! &= ~maskOf(from & 7, ((to - 1) & 7) + 1)
    return
  }
  bits[first]! &= ~maskOf(from & 7, 8)
  bits.fill(0, first + 1, last)
  bits[last]! &= ~maskOf(0, ((to - 1) & 7) + 1)
}

/** How many bits of [from, to) are set. */
export function countOnes(bits: Uint8Array, from: number, to: number): number {
  if (from >= to) return 0
  const first = from >>> 3
  const last = (to - 1) >>> 3
  if (first === last) return onesOf[bits[first]! & maskOf(from & 7, ((to - 1) & 7) + 1)]!
  let count = onesOf[bits[first]! & maskOf(from & 7, 8)]!
  for (let at = first + 1; at < last; at++) count += onesOf[bits[at]!]!
  return count + onesOf[bits[last]! & maskOf(0, ((to - 1) & 7) + 1)]!
}

/** Position of the first set bit of [from, to), or `to`. */
export function nextOne(bits: Uint8Array, from: number, to: number): number {
  return next(bits, from, to, 0)
}

/** Position of the first clear bit of [from, to), or `to`. */
export function nextZero(bits: Uint8Array, from: number, to: number): number {
  return next(bits, from, to, 0xff)
}

/** `flip` is what a byte without the wanted bit looks like. */
function next(bits: Uint8Array, from: number, to: number, flip: number): number {
  if (from >= to) return to
  const last = (to - 1) >>> 3
  let at = from >>> 3
  let wanted = (bits[at]! ^ flip) & maskOf(from & 7, 8)
  while (wanted === 0) {
    if (++at > last) return to
    wanted = bits[at]! ^ flip
  }
  return Math.min(to, at * 8 + 31 - Math.clz32(wanted & -wanted))
}

/** The runs of clear bits in [from, to), in order, as [start, length]. */
export function* zeroRuns(bits: Uint8Array, from: number, to: number): Generator<[start: number, length: number]> {
  let at = nextZero(bits, from, to)
  while (at < to) {
    const end = nextOne(bits, at, to)
    yield [at, end - at]
    at = nextZero(bits, end, to)
  }
}

/** The runs of set bits in [from, to), in order, as [start, length]. */
export function* oneRuns(bits: Uint8Array, from: number, to: number): Generator<[start: number, length: number]> {
  let at = nextOne(bits, from, to)
  while (at < to) {
    const end = nextZero(bits, at, to)
    yield [at, end - at]
    at = nextOne(bits, end, to)
  }
}
