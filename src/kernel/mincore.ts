/**
 * mincore(2): which pages of a file are in memory, asked through a mapping that is
 * never touched. The kernel answers truly only to those who own the file or may
 * write to it, and says "all" to others.
 */
import { kernelError } from './errno.js'
import { checked, lastErrno, libcFunction } from './libc.js'
import { pageSize } from './page-size.js'
import { whole } from './words.js'

const mmap = libcFunction('int64_t mmap(int64_t, size_t, int, int, int, int64_t)')
const munmap = libcFunction('int munmap(int64_t, size_t)')
const mincore = libcFunction('int mincore(int64_t, size_t, void *)')

const PROT_NONE = 0
const MAP_SHARED = 1
const MAP_FAILED = -1

/** A gigabyte a piece keeps the answer at 256 KiB, however large the file. */
const window = 1 << 30

/** A run of bytes, page aligned. */
export interface ResidentRange {
  readonly from: number
  readonly length: number
}

/**
 * The resident parts of the first `size` bytes, in order, joined.
 * @param fd   open for reading
 * @param size bytes, usually the size of the file
 * @throws KernelError
 */
export function residentRanges(fd: number, size: number): ResidentRange[] {
  const ranges: { from: number; length: number }[] = []
  const page = pageSize()
  for (let from = 0; from < whole(size); from += window) {
    const length = Math.min(window, size - from)
    const pages = Buffer.alloc(Math.ceil(length / page))
    const address = mmap(0, length, PROT_NONE, MAP_SHARED, fd, from)
    if (address === MAP_FAILED) throw kernelError({ call: 'mmap' }, lastErrno())
    try {
      checked({ call: 'mincore' }, () => mincore(address, length, pages))
    } finally {
      munmap(address, length)
    }
    for (let n = 0; n < pages.length; n++) {
      if ((pages[n]! & 1) === 0) continue
      const at = from + n * page
      const last = ranges.at(-1)
      if (last && last.from + last.length === at) last.length += page
      else ranges.push({ from: at, length: page })
    }
  }
  return ranges
}
