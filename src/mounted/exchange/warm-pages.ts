/**
 * The page cache of a file across a move. Moving brings pages in; large folios make
 * it twenty times slower. So the pages of the moved parts are dropped first, and
 * afterwards the cache is made to hold what it held before: pages we brought in go,
 * pages that were there come back.
 */
import { dataRanges, type ByteRange } from '../../kernel/data-ranges.js'
import { fileAdvise } from '../../kernel/fadvise.js'
import { residentWithin, type ResidentRange } from '../../kernel/mincore.js'
import { pageSize } from '../../kernel/page-size.js'

export class WarmPages {
  /** Where there is something to move: holes are left out, and never asked for. */
  readonly moved: readonly ByteRange[]
  private readonly before: readonly ResidentRange[]

  private readonly fd: number

  /**
   * @param fd    open for reading, contents on disk
   * @param moved what will change its place, sorted and disjoint; holes in it cost nothing
   */
  constructor(fd: number, moved: readonly ByteRange[]) {
    this.fd = fd
    this.moved = wholePages(moved.flatMap(({ from, length }) => dataRanges(fd, from, from + length)))
    this.before = residentWithin(fd, this.moved)
  }

  drop(): void {
    if (this.before.length === 0) return
    for (const { from, length } of this.moved) fileAdvise(this.fd, 'dontNeed', from, length)
  }

  restore(): void {
    for (const { from, length } of outside(this.moved, this.before)) fileAdvise(this.fd, 'dontNeed', from, length)
    if (this.before.length === 0) return
    for (const { from, length } of outside(this.before, residentWithin(this.fd, this.moved)))
      fileAdvise(this.fd, 'willNeed', from, length)
  }
}

/** Taken to whole pages; those that then touch or overlap are one. */
function wholePages(ranges: readonly ByteRange[]): ByteRange[] {
  const page = pageSize()
  const found: { from: number; length: number }[] = []
  for (const range of ranges) {
    const from = Math.floor(range.from / page) * page
    const end = Math.ceil((range.from + range.length) / page) * page
    const last = found.at(-1)
    if (last && from <= last.from + last.length) last.length = Math.max(last.length, end - last.from)
    else found.push({ from, length: end - from })
  }
  return found
}

/** The parts of `ranges` that no range of `others` covers; both sorted, each disjoint. */
function outside(ranges: readonly ByteRange[], others: readonly ByteRange[]): ByteRange[] {
  const parts: ByteRange[] = []
  let next = 0
  for (const { from, length } of ranges) {
    let at = from
    const end = from + length
    while (next < others.length && others[next]!.from + others[next]!.length <= at) next++
    for (let i = next; i < others.length && others[i]!.from < end; i++) {
      if (others[i]!.from > at) parts.push({ from: at, length: others[i]!.from - at })
      at = Math.max(at, others[i]!.from + others[i]!.length)
    }
    if (at < end) parts.push({ from: at, length: end - at })
  }
  return parts
}
