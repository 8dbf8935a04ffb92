/**
 * lseek(2) with SEEK_DATA and SEEK_HOLE: which parts of a file are not holes. Asks only for
 * the borders between the two, so that a sparse file costs by what is in it and not by its
 * size, a terabyte or sixteen. Filesystems without the call say that all is data; a block
 * device has no holes to tell of (EINVAL), and is all data too.
 *
 * Unwritten blocks that nobody has written to yet count as holes: they read as zeros.
 */
import { errnoNumber, kernelError } from './errno.js'
import { lastErrno, libcFunction } from './libc.js'
import { whole } from './words.js'

const lseek = libcFunction('int64_t lseek(int, int64_t, int)')

const SEEK_DATA = 3
const SEEK_HOLE = 4

/** Bytes of a file. */
export interface ByteRange {
  readonly from: number
  readonly length: number
}

/**
 * The parts of [from, to) that hold data, in order. Moves the position of the descriptor.
 * @throws KernelError
 */
export function dataRanges(fd: number, from: number, to: number): ByteRange[] {
  const ranges: ByteRange[] = []
  for (let at = whole(from); at < to;) {
    const start = seek(fd, at, SEEK_DATA)
    if (start === 'unknown') return [{ from: at, length: to - at }]
    if (start === undefined || start >= to) break
    const hole = seek(fd, start, SEEK_HOLE)
    const end = hole === undefined || hole === 'unknown' ? to : Math.min(to, hole)
    // The file was cut meanwhile.
    if (end <= start) break
    ranges.push({ from: start, length: end - start })
    at = end
  }
  return ranges
}

/** @returns undefined behind the last of them; 'unknown' where the file cannot tell */
function seek(fd: number, from: number, whence: number): number | undefined | 'unknown' {
  const found = lseek(fd, from, whence)
  if (found >= 0) return found
  const errno = lastErrno()
  if (errno === errnoNumber.ENXIO) return undefined
  if (errno === errnoNumber.EINVAL) return 'unknown'
  throw kernelError({ call: 'lseek' }, errno)
}
