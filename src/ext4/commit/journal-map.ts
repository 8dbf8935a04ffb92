/** Where the blocks of the journal are: the journal inode's mapping, for look-ups by number. */
import { lowerBound } from '../../lower-bound.js'
import { corrupt } from '../../errors.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import type { Extent } from '../../layout/extent.js'

export class JournalMap {
  /** Blocks mapped from the first on without a hole. */
  readonly blocks: number

  private readonly extents: readonly Extent[]

  /** @throws corrupt for a hole or an unwritten extent */
  constructor(extents: readonly Extent[]) {
    this.extents = extents
    let at = 0
    for (const piece of extents) {
      if (piece.logical !== at)
        throw corrupt('journal superblock', 0, `the journal inode has a hole at its block ${at}`)
      if (piece.unwritten)
        throw corrupt('journal superblock', 0, `the journal inode was never written at its block ${at}`)
      at += piece.length
    }
    this.blocks = at
  }

  at(journalBlock: number): FsBlock {
    const piece =
      this.extents[lowerBound(this.extents.length, (place) => this.extents[place]!.logical > journalBlock) - 1]
    if (!piece || journalBlock >= piece.logical + piece.length)
      throw new RangeError(`the journal has no block ${journalBlock}`)
    return fsBlock(piece.physical + (journalBlock - piece.logical))
  }
}
