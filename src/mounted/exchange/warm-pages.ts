/**
 * The page cache of a file across a move. Moving brings pages in; large folios make
 * it twenty times slower. So the pages of the moved parts are dropped first, and
 * afterwards the cache is made to hold what it held before: pages we brought in go,
 * pages that were there come back.
 */
import { fileAdvise } from '../../kernel/fadvise.js'
import { residentRanges, type ResidentRange } from '../../kernel/mincore.js'
import { pageSize } from '../../kernel/page-size.js'

/** Bytes. */
export interface ByteRange {
  readonly from: number
  readonly length: number
}

export class WarmPages {
  private readonly moved: readonly ByteRange[]
  private readonly before: readonly ResidentRange[]

  /**
   * @param fd   open for reading, contents on disk
   * @param size bytes of the file
   */
  constructor(
    private readonly fd: number,
    private readonly size: number,
    moved: readonly ByteRange[],
  ) {
    const page = pageSize()
    this.moved = moved.map(({ from, length }) => {
      const first = Math.floor(from / page) * page
      return { from: first, length: Math.ceil((from + length) / page) * page - first }
    })
    this.before = residentRanges(fd, size)
  }

  drop(): void {
    if (this.before.length === 0) return
    for (const { from, length } of this.moved) fileAdvise(this.fd, 'dontNeed', from, length)
  }

  restore(): void {
    for (const { from, length } of outside(this.moved, this.before)) fileAdvise(this.fd, 'dontNeed', from, length)
    if (this.before.length === 0) return
    for (const { from, length } of outside(this.before, residentRanges(this.fd, this.size)))
      fileAdvise(this.fd, 'willNeed', from, length)
  }
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
