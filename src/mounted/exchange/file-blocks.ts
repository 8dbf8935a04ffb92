/** The kernel's map of one open file, in blocks, asked anew each time: FIEMAP is what is believed here. */
import { fiemap } from '../../kernel/fiemap.js'
import { extent, mergeExtents, type Extent } from '../../layout/extent.js'
import type { Move } from '../../volume/volume.js'

/** What the file's map says about a move. */
export type Place = 'at-target' | 'at-source' | 'hole' | 'elsewhere'

export class FileBlocks {
  readonly fd: number
  readonly blockSize: number

  constructor(fd: number, blockSize: number) {
    this.fd = fd
    this.blockSize = blockSize
  }

  /**
   * The extents of a part of the file, cut to it.
   * @param sync write dirty pages out first, so that all of it has a place
   */
  map(logical: number, length: number, sync = false): Extent[] {
    const { blockSize } = this
    const end = logical + length
    const cut: Extent[] = []
    for (const found of fiemap(this.fd, { from: logical * blockSize, to: end * blockSize, sync })) {
      if (found.inline || found.unplaced) continue
      const first = found.logical / blockSize
      const start = Math.max(logical, first)
      const until = Math.min(end, (found.logical + found.length) / blockSize)
      if (until > start)
        cut.push(extent(start, found.physical / blockSize + start - first, until - start, found.unwritten))
    }
    return mergeExtents(cut)
  }

  /** Whether all of a part of the file lies in one run from `physical` on. */
  isAt(logical: number, length: number, physical: number): boolean {
    const extents = this.map(logical, length)
    return (
      extents.reduce((sum, each) => sum + each.length, 0) === length &&
      extents.every((each) => each.physical === physical + each.logical - logical)
    )
  }

  /** Where the blocks of a move are, dirty pages written out first. */
  placeOf({ logical, length, from, to }: Move): Place {
    const extents = this.map(logical, length, true)
    if (extents.length === 0) return 'hole'
    const offset = (target: number): boolean =>
      extents.every((each) => each.physical === target + each.logical - logical)
    const whole = extents.reduce((sum, each) => sum + each.length, 0) === length
    if (whole && offset(to)) return 'at-target'
    return offset(from) && whole ? 'at-source' : 'elsewhere'
  }
}
