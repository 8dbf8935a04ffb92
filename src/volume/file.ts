/** Files as a volume tells of them. */
import type { FsBlock } from '../layout/block.js'
import type { FileRange } from '../layout/file-layout.js'
import type { ImmovableReason } from '../layout/reason.js'

export type FileType =
  'regular' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo' | 'socket' | 'unknown'

export interface FileRef {
  readonly inode: number
  /** From the root of the filesystem, starting with '/'; undefined when reached by number. */
  readonly path?: string
  readonly type: FileType
  /** Bytes. */
  readonly size: number
  readonly links: number
  /** Set when no engine of this kind may move the file's data. */
  readonly immovable?: ImmovableReason
}

/** What a path walk went through, so that the blocks it reads can be packed too. */
export interface Lookup {
  readonly file: FileRef
  /** Directories and symlinks on the way, outermost first, each once; inode numbers. */
  readonly through: readonly number[]
}

/** The blocks of a file that are not file data. */
export interface FileMetadata {
  /** Blocks of the extent tree or block map in depth-first order; empty when it fits the inode. */
  readonly tree: readonly FsBlock[]
  /** Only of a file mapped by indirect blocks: see FileLayout. */
  readonly treeSpans?: readonly FileRange[]
  /** The extended-attribute block, if any. */
  readonly xattr?: FsBlock
}
