import type { FsBlock } from './block.js'
import type { Extent } from './extent.js'
import type { OwnedKind } from './owner.js'
import type { ImmovableReason } from './reason.js'
import type { BlockRun } from './run.js'

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
  /** Extent-tree blocks, depth first. */
  readonly tree: readonly FsBlock[]
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
