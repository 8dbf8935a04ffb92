import type { FileBlock } from './block.js'
import type { ImmovableReason } from './reason.js'
import type { BlockRun } from './run.js'

/** Kinds of blocks that belong to one inode and that an engine may be able to move. */
export type OwnedKind = 'data' | 'directory' | 'symlink' | 'tree' | 'xattr'

/** Kinds of blocks that never move. */
export type FixedKind =
  | 'superblock'
  | 'group-descriptors'
  | 'reserved-descriptors'
  | 'block-bitmap'
  | 'inode-bitmap'
  | 'inode-table'
  | 'mmp'
  | 'beyond-end'

/**
 * Blocks of the filesystem and who holds them. `logical` is the first file block
 * for data, directory and symlink; for a tree block it is the block's place in the
 * depth-first order of the inode's extent tree or block map; 0 for an xattr block.
 */
export interface OwnedRun extends BlockRun {
  readonly kind: OwnedKind | FixedKind | 'unknown'
  /** 0 for fixed and unknown. */
  readonly inode: number
  readonly logical: FileBlock
  readonly unwritten: boolean
  /** Of a file mapped by indirect blocks: its map keeps its size however the file lies. */
  readonly indirect?: true
  /** Set when the run must stay. */
  readonly immovable?: ImmovableReason
}

const ownedKinds: ReadonlySet<string> = new Set<OwnedKind>(['data', 'directory', 'symlink', 'tree', 'xattr'])

export const isOwnedKind = (kind: OwnedRun['kind']): kind is OwnedKind => ownedKinds.has(kind)
