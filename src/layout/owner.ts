import type { FileBlock } from './block.js'
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

/** Why blocks that have an owner must stay where they are. */
export type ImmovableReason =
  | 'fixed-metadata' // superblocks, descriptors, bitmaps, inode tables
  | 'system-inode' // journal, resize, quota, orphan file
  | 'boot-loader' // block lists of a boot loader point here
  | 'swap-file' // the kernel or a resume image knows its blocks by number
  | 'inline-data' // has no blocks of its own
  | 'indirect-mapped' // old block map, read but never written
  | 'immutable'
  | 'append-only'
  | 'encrypted'
  | 'shared-xattr' // an EA inode or a block with more owners than can be followed
  | 'engine' // this engine cannot move this kind (a mounted filesystem's directories)
  | 'busy' // in use in a way that forbids it: running, locked, being written
  | 'unknown-owner' // marked in use, claimed by nobody we can see

/**
 * Blocks of the filesystem and who holds them. `logical` is the first file block
 * for data, directory and symlink; for a tree block it is the block's place in the
 * depth-first order of the inode's extent tree; 0 for an xattr block.
 */
export interface OwnedRun extends BlockRun {
  readonly kind: OwnedKind | FixedKind | 'unknown'
  /** 0 for fixed and unknown. */
  readonly inode: number
  readonly logical: FileBlock
  readonly unwritten: boolean
  /** Set when the run must stay. */
  readonly immovable?: ImmovableReason
}

const ownedKinds: ReadonlySet<string> = new Set<OwnedKind>(['data', 'directory', 'symlink', 'tree', 'xattr'])

export const isOwnedKind = (kind: OwnedRun['kind']): kind is OwnedKind => ownedKinds.has(kind)
