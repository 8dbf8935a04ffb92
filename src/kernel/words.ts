/**
 * 64-bit words of kernel structures as JavaScript numbers. Byte offsets and block
 * numbers stay below 2^53 (8 PiB) on every filesystem this project handles; a
 * larger value means that something else was read, and throws.
 */
import { ioError } from '../errors.js'

/** All bits set: the kernel's "to the end" in lengths and upper bounds. */
export const allOnes = 0xffff_ffff_ffff_ffffn

export function getU64(structure: Buffer, at: number): number {
  const value = structure.readUInt32LE(at + 4) * 0x1_0000_0000 + structure.readUInt32LE(at)
  if (value > Number.MAX_SAFE_INTEGER)
    throw ioError(`the kernel returned ${structure.readBigUInt64LE(at)} where a byte offset belongs`)
  return value
}

/** @throws RangeError for anything but a whole number from 0 to 2^53 - 1, and for other bigints than `allOnes` */
export function setU64(structure: Buffer, at: number, value: number | typeof allOnes): void {
  structure.writeBigUInt64LE(typeof value === 'bigint' ? value : BigInt(whole(value)), at)
}

/**
 * Guards what goes to the kernel: koffi cuts 1.5 to 1 and lets NaN through.
 * @throws RangeError
 */
export function whole(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${value} is not a whole number the kernel could take`)
  return value
}
