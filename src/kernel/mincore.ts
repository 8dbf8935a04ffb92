/**
 * mincore(2): which pages of a file are in memory, asked through a mapping that is
 * never touched. The kernel answers truly only to those who own the file or may
 * write to it, and says "all" to others.
 */
import { dataRanges, type ByteRange } from './data-ranges.js'
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
export type ResidentRange = ByteRange

/**
 * The resident parts of the first `size` bytes, in order, joined; holes are not asked for.
 * @param fd   open for reading
 * @param size bytes, usually the size of the file
 * @throws KernelError
 */
export const residentRanges = (fd: number, size: number): ResidentRange[] =>
  residentWithin(fd, dataRanges(fd, 0, whole(size)))

/**
 * The resident parts of some ranges, in order, joined. Costs by the length of the ranges,
 * so a caller who knows what he needs asks for no more.
 * @param ranges sorted and disjoint; taken to whole pages
 * @throws KernelError
 */
export function residentWithin(fd: number, ranges: Iterable<ByteRange>): ResidentRange[] {
  const resident: { from: number; length: number }[] = []
  const page = pageSize()
  let done = 0
  for (const range of ranges) {
    const first = Math.max(done, Math.floor(range.from / page) * page)
    const end = Math.ceil((range.from + range.length) / page) * page
    for (let from = first; from < end; from += window) addResident(fd, from, Math.min(window, end - from), resident)
    done = Math.max(done, end)
  }
  return resident
}

function addResident(fd: number, from: number, length: number, resident: { from: number; length: number }[]): void {
  const page = pageSize()
  const pages = Buffer.alloc(length / page)
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
    const last = resident.at(-1)
    if (last && last.from + last.length === at) last.length += page
    else resident.push({ from: at, length: page })
  }
}
