/**
 * fallocate(2) with FALLOC_FL_COLLAPSE_RANGE: a range is cut out of a file, what it
 * held goes back to the filesystem, and what follows moves down in the file without
 * moving on the disk.
 */
import { checked, libcFunction, whole } from 'bootpack/kernel'

const call = libcFunction('int fallocate(int, int, int64_t, int64_t)')

const FALLOC_FL_COLLAPSE_RANGE = 0x08

/**
 * @param from   first byte to cut out, a multiple of the block
 * @param length bytes, a multiple of the block; the range must end before the file does
 * @throws KernelError EINVAL for a range that reaches the end of the file
 */
export function collapseRange(fd: number, from: number, length: number): void {
  checked({ call: 'fallocate FALLOC_FL_COLLAPSE_RANGE' }, () =>
    call(fd, FALLOC_FL_COLLAPSE_RANGE, whole(from), whole(length)),
  )
}
