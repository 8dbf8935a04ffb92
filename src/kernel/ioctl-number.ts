/**
 * Numbers of ioctl requests, computed from the layout they carry, as the
 * _IO, _IOR, _IOW and _IOWR macros of include/uapi/asm-generic/ioctl.h define
 * them: 8 bits number, 8 bits type, 14 bits size, 2 bits direction.
 */
const write = 1
const read = 2

function number(direction: number, type: string | number, command: number, size: number): number {
  const letter = typeof type === 'number' ? type : type.charCodeAt(0)
  if (size >= 1 << 14) throw new RangeError(`an ioctl structure of ${size} bytes does not fit its number`)
  // Unsigned: the two direction bits are the highest of 32.
  return ((direction << 30) | (size << 16) | (letter << 8) | command) >>> 0
}

/** A request without a structure of known size. */
export const io = (type: string | number, command: number): number => number(0, type, command, 0)
/** The kernel fills the structure. */
export const ioRead = (type: string | number, command: number, size: number): number =>
  number(read, type, command, size)
/** The kernel reads the structure. */
export const ioWrite = (type: string | number, command: number, size: number): number =>
  number(write, type, command, size)
/** The kernel reads the structure and writes back. */
export const ioReadWrite = (type: string | number, command: number, size: number): number =>
  number(read | write, type, command, size)
