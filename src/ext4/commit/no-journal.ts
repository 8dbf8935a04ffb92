import type { FsBlock } from '../../layout/block.js'
import type { Store } from '../../storage/store.js'
import type { Committer } from './committer.js'
import type { SuperblockMark } from './recovery-mark.js'
import { writeBlocks } from '../../storage/coalesced-writes.js'

/**
 * Writes transactions straight home, for filesystems without a journal. A crash in
 * the middle leaves the filesystem half changed and marked as not cleanly unmounted:
 * only for stores above an undo file, which takes everything back.
 */
export class InPlaceCommitter implements Committer {
  readonly capacity = Infinity
  private marked = false
  /** A commit failed half-way: the mark stays. */
  private broken = false

  private readonly store: Store
  private readonly blockSize: number
  private readonly mark: Pick<SuperblockMark, 'write' | 'apply'>

  constructor(store: Store, blockSize: number, mark: Pick<SuperblockMark, 'write' | 'apply'>) {
    this.store = store
    this.blockSize = blockSize
    this.mark = mark
  }

  ready(): Promise<void> {
    return Promise.resolve()
  }

  async commit(blocks: ReadonlyMap<FsBlock, Uint8Array>): Promise<void> {
    if (blocks.size === 0) return
    this.broken = true
    this.mark.apply(blocks)
    if (!this.marked) await this.mark.write(true)
    this.marked = true
    await this.store.flush()
    await writeBlocks(
      this.store,
      this.blockSize,
      [...blocks].sort(([a], [b]) => a - b),
    )
    await this.store.flush()
    this.broken = false
  }

  async close(): Promise<void> {
    if (!this.marked || this.broken) return
    await this.mark.write(false)
    await this.store.flush()
    this.marked = false
  }
}
