/**
 * Where Jan Kara's calls work: one filesystem, opened by whichever engine, and files
 * of it that are open. The calls themselves (movedata.ts, allocate.ts,
 * get-free-blocks.ts) check what the mail asks for and count in bytes; an engine
 * counts in blocks and does what was checked.
 */
import type { FileBlock, FsBlock } from '../layout/block.js'
import type { Extent } from '../layout/extent.js'
import type { BlockRun } from '../layout/run.js'
import type { AllocationFlags } from '../mballoc/request.js'
import type { Geometry } from './geometry.js'

export interface BlockSpace {
  /** As in Volume.engine. */
  readonly engine: string
  readonly writable: boolean
  geometry(): Geometry
  /** Free runs in [from, to), sorted. */
  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]>
  /**
   * Opens a regular file by its inode number, its position at 0.
   * @throws ENOENT for a number that no file has, EISDIR or EINVAL for something that
   *   is no regular file
   */
  open(inode: number): Promise<SpaceFile>
  /** The numbers of all inodes in use, ascending, where the engine can tell without walking directories. */
  inodes?(from: number): AsyncIterable<number>
  /** Blocks of extent trees; undefined where the engine cannot move them. */
  readonly trees: TreeSpace | undefined
  /** Everything done so far is on stable storage, and the filesystem at rest. */
  settle(): Promise<void>
}

/** An open file, the mail's descriptor. */
export interface SpaceFile {
  readonly space: BlockSpace
  readonly inode: number
  /** The file position in bytes, where `allocate` begins. */
  position: number
  /** Bytes. */
  size(): Promise<number>
  /** As FIEMAP shows them: sorted, holes left out, what is cached written out before. */
  extents(): Promise<Extent[]>
  /** Where the allocator would begin looking for space for this file if nobody named a goal. */
  defaultGoal(): Promise<FsBlock>
  close(): Promise<void>

  /**
   * Gives the file blocks from `logical` on, where it has none; unwritten, so that they
   * read as zeros. The size grows when they end behind it.
   * @returns blocks, 1 to `request.length`; all of them with fixedLength
   * @throws EOPNOTSUPP, EPERM, ENOSPC and others of the engine
   */
  place(logical: FileBlock, request: PlaceRequest): Promise<number>
  /**
   * Puts the blocks that `space` has in [logical, logical + length) in place of this
   * file's own; see movedata for what that means, and for the steps it is done in.
   */
  splice(space: SpaceFile, logical: FileBlock, length: number, options: SpliceOptions): Promise<void>
}

export interface SpliceOptions {
  /** Stops between two steps with EINTR; what was moved by then stays moved. */
  readonly signal?: AbortSignal
  /**
   * What a hole in the space does: `make` a hole in the data, as the mail says and by
   * default, or `leave` the data there as it is, so that nothing is ever lost.
   */
  readonly holes?: 'make' | 'leave'
}

export interface PlaceRequest {
  readonly goal: FsBlock
  /** Blocks. */
  readonly length: number
  readonly flags: AllocationFlags
}

/**
 * The blocks of extent trees. Levels count from the data up: a block of level 1 holds
 * extents, one of level 2 points at those of level 1. The root is in the inode and no block.
 */
export interface TreeSpace {
  /**
   * Gives a file's tree a block at `level` over `logical`, near `goal`.
   * @returns where it is
   * @throws EEXIST when it has one there, EINVAL when the level above is missing
   */
  allocateBlock(file: SpaceFile, logical: FileBlock, level: number, goal: FsBlock): Promise<FsBlock>
  /** Exchanges the places of the tree blocks two files have at `level` over `logical`. @throws ENOENT when one has none */
  swapBlocks(file: SpaceFile, other: SpaceFile, logical: FileBlock, level: number): Promise<void>
}
