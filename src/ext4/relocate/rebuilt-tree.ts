/** What becomes of a file's mapping: the root in its inode, and the blocks of its tree or map. */
import type { FsBlock } from '../../layout/block.js'

export interface BlockContents {
  readonly block: FsBlock
  readonly bytes: Uint8Array
}

export interface RebuiltTree {
  /** i_block of the inode, 60 bytes. */
  readonly root: Uint8Array
  /** Tree blocks there are more than before; negative when there are fewer. */
  readonly grown: number
  /** New contents of blocks that stay. */
  readonly rewritten: readonly BlockContents[]
  /** Contents of blocks the tree takes. */
  readonly fresh: readonly BlockContents[]
  /** Those of the fresh blocks that the room for trees gave. */
  readonly grownInto: readonly FsBlock[]
  /** Blocks the tree no longer has. */
  readonly left: readonly FsBlock[]
}
