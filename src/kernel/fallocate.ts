/**
 * fallocate(2): blocks for a file without writing them, and their return. Units
 * are bytes; ext4 wants whole blocks for shifting ranges.
 */
import { checked, lastErrno, libcFunction } from './libc.js'
import { whole } from './words.js'

const call = libcFunction('int fallocate(int, int, int64_t, int64_t)')

export const fallocateMode = {
  /** Unwritten blocks; the file grows when the range ends behind its end. */
  allocate: 0,
  /** The blocks go back to the filesystem, the size stays. */
  punchHole: 0x02 | 0x01,
  /** Reads as zeros afterwards; on ext4 written blocks become unwritten and stay in place. */
  zeroRange: 0x10 | 0x01,
  /** A hole is pushed in, everything behind moves up in the file. */
  insertRange: 0x20,
} as const

export type FallocateMode = keyof typeof fallocateMode

/** @throws KernelError no-space (ENOSPC, EDQUOT), unsupported (EOPNOTSUPP), io */
export function fallocate(fd: number, mode: FallocateMode, from: number, length: number): void {
  checked({ call: 'fallocate' }, () => call(fd, fallocateMode[mode], whole(from), whole(length)))
}

/** The same for those who decide by errno: 0, or the errno. */
export function tryFallocate(fd: number, mode: FallocateMode, from: number, length: number): number {
  return call(fd, fallocateMode[mode], whole(from), whole(length)) < 0 ? lastErrno() : 0
}
