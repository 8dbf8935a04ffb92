/**
 * The contract between those who decide and those who touch blocks. The 2007
 * e4defrag ioctl had two requests: the first physical block of a file, and
 * "defragment this range of this file, searching from this goal". The contract
 * keeps them and adds what a planner needs: free runs, owners, names, and moves
 * with exact targets in rounds. What only some engines can is in capabilities.ts.
 */
import type { FsBlock } from '../layout/block.js'
import type { Extent } from '../layout/extent.js'
import type { OwnedKind, OwnedRun } from '../layout/owner.js'
import type { BlockRun } from '../layout/run.js'
import type { Capabilities } from './capabilities.js'
import type { FileMetadata, FileRef, Lookup } from './file.js'
import type { Geometry } from './geometry.js'
import type { Move, MoveOutcome, RelocateOptions } from './move.js'

export type { FileMetadata, FileRef, FileType, Lookup } from './file.js'
export type { FixedRun, Geometry } from './geometry.js'
export type { Move, MoveOutcome, RelocateOptions, SkippedMove, Stayed } from './move.js'

export interface Volume {
  /** 'ext4-image', 'ext4-live' or a plugin's own. */
  readonly engine: string
  /** Whether nobody else changes it while it is open: an image or an unmounted device, not a mount. */
  readonly atRest: boolean
  /** Partition it was found in; 0 for a whole disk; undefined where there are none (a mount). */
  readonly partition?: number
  /** What this engine can besides. */
  readonly capabilities: Capabilities
  /** What this engine can move. */
  readonly moves: ReadonlySet<OwnedKind>
  geometry(): Geometry
  /**
   * Walks a path from the root of the filesystem, following symlinks inside it.
   * @returns undefined when nothing is there
   */
  lookup(path: string): Promise<Lookup | undefined>
  /** @returns undefined when the inode is free or out of range */
  byInode(inode: number): Promise<FileRef | undefined>
  /** One path for each inode that has one. Reads directories only as far as needed. */
  paths(inodes: Iterable<number>): Promise<Map<number, string>>
  /** FIEMAP's view: sorted by logical block, holes left out. Empty for files without blocks. */
  extents(file: FileRef): Promise<Extent[]>
  metadata(file: FileRef): Promise<FileMetadata>
  /** The goal a directory gives: physical block of its first block; undefined for inline ones. */
  firstBlock(file: FileRef): Promise<FsBlock | undefined>
  /** Free runs in [from, to), sorted. Jan Kara's sys_get_free_blocks. */
  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]>
  /**
   * Who holds the blocks of `run` that are in use, sorted, fixed metadata included.
   * Runs may begin before and end after `run`: an owner's extent is given whole.
   * @throws refused when two owners claim a block of `run`, or a claimed block is marked free
   */
  owners(run: BlockRun): Promise<OwnedRun[]>
  /**
   * Carries out one round: no target of it is a source of it, and all targets are free.
   * Targets are exact: an engine that cannot reach one says so for that move.
   * When the iteration ends, what it reported is on stable storage.
   */
  relocate(moves: readonly Move[], options: RelocateOptions): AsyncIterable<MoveOutcome>
  close(): Promise<void>
}
