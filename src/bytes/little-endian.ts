/**
 * Little-endian integers in a byte array, the byte order of every ext4 structure
 * (the journal alone is big-endian). Offsets are bytes and are not checked: the
 * caller holds a structure of known size.
 */

export const getU16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)

export const getU32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

/** A 64-bit field; exact up to 2^53, which no valid block number or file size passes. */
export const getU64 = (bytes: Uint8Array, at: number): number =>
  getU32(bytes, at) + getU32(bytes, at + 4) * 0x1_0000_0000

export function putU16(bytes: Uint8Array, at: number, value: number): void {
  if (value < 0 || value > 0xffff) throw new RangeError(`${value} does not fit 16 bits`)
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  if (value < 0 || value > 0xffff_ffff) throw new RangeError(`${value} does not fit 32 bits`)
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

export function putU64(bytes: Uint8Array, at: number, value: number): void {
  if (value < 0 || value > Number.MAX_SAFE_INTEGER) throw new RangeError(`${value} is not an exact 64-bit number`)
  putU32(bytes, at, value % 0x1_0000_0000)
  putU32(bytes, at + 4, Math.floor(value / 0x1_0000_0000))
}
