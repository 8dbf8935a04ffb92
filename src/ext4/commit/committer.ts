/** How a transaction becomes part of the filesystem. */
import type { FsBlock } from '../../layout/block.js'

export interface Committer {
  /** Blocks one transaction may have. */
  readonly capacity: number
  /**
   * Called before anything is written for a transaction, contents that are copied to
   * free blocks included.
   * @throws refused or stopped when the filesystem is no longer ours alone
   */
  ready(): Promise<void>
  /**
   * Makes the blocks durable, and before them everything that was written to the
   * store until now. On return the store reads as the blocks say.
   * @param blocks whole blocks; a superblock among them is given the mark of a
   *               filesystem in the middle of a change
   */
  commit(blocks: ReadonlyMap<FsBlock, Uint8Array>): Promise<void>
  /** Leaves the filesystem clean. */
  close(): Promise<void>
}
