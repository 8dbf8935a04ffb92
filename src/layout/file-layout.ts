import type { FileBlock, FsBlock } from './block.js'
import type { Extent } from './extent.js'
import type { OwnedKind } from './owner.js'
import type { ImmovableReason } from './reason.js'
import type { BlockRun } from './run.js'

/** Consecutive blocks of a file, whether there is anything on the disk for them or not. */
export interface FileRange {
  readonly logical: FileBlock
  readonly length: number
}

/** Where one file lies: everything measuring and planning need to know of it. */
export interface FileLayout {
  readonly inode: number
  readonly path?: string
  /** What its extents hold. */
  readonly kind: 'data' | 'directory' | 'symlink'
  /** Bytes. */
  readonly size: number
  /** Sorted by logical block. */
  readonly extents: readonly Extent[]
  /** Blocks of the extent tree or block map, depth first. */
  readonly tree: readonly FsBlock[]
  /**
   * Which file blocks each of the tree blocks leads to; only of a file mapped by indirect
   * blocks. Such a map keeps its blocks however the file lies, and each of them is read
   * before the first block it leads to.
   */
  readonly treeSpans?: readonly FileRange[]
  readonly xattr?: FsBlock
  /** The block of the inode table that holds the inode, and what is read of the table to load it; where numbers may change. */
  readonly table?: { readonly block: FsBlock; readonly read: BlockRun }
  readonly immovable?: ImmovableReason
}

/** Layouts by inode number. */
export type DiskLayout = ReadonlyMap<number, FileLayout>

/** Blocks of a layout of one kind. */
export function blocksOf(file: FileLayout, kind: OwnedKind): number {
  if (kind === 'tree') return file.tree.length
  if (kind === 'xattr') return file.xattr === undefined ? 0 : 1
  return kind === file.kind ? file.extents.reduce((sum, { length }) => sum + length, 0) : 0
}
