/**
 * The contract between those who decide and those who touch blocks. The 2007
 * e4defrag ioctl had two requests: the first physical block of a file, and
 * "defragment this range of this file, searching from this goal". The contract
 * keeps them and adds what a planner needs: free runs, owners, names, and moves
 * with exact targets in rounds.
 */
import type { BlockRun } from '../layout/run.js'
import type { Extent } from '../layout/extent.js'
import type { FileBlock, FsBlock } from '../layout/block.js'
import type { FileRange } from '../layout/file-layout.js'
import type { FixedKind, OwnedKind, OwnedRun } from '../layout/owner.js'
import type { ImmovableReason, NumberReason, StayReason } from '../layout/reason.js'

export interface FixedRun extends BlockRun {
  readonly kind: FixedKind
}

export interface Geometry {
  readonly uuid: string
  /** Bytes. */
  readonly blockSize: number
  /** Blocks of the whole filesystem; block numbers are below this. */
  readonly blockCount: number
  /** 1 with 1 KiB blocks, else 0. */
  readonly firstDataBlock: number
  readonly blocksPerGroup: number
  readonly groupCount: number
  readonly inodeCount: number
  readonly inodesPerGroup: number
  /** Bytes. */
  readonly inodeSize: number
  /** Groups whose bitmaps and inode tables lie together; 1 without flex_bg. */
  readonly groupsPerFlex: number
  /** Longest written extent in blocks (32768 on ext4). */
  readonly longestExtent: number
  /** Longest unwritten extent in blocks (32767 on ext4). */
  readonly longestUnwrittenExtent: number
  /** Sorted by start; what no engine ever moves. */
  readonly fixedRuns: readonly FixedRun[]
}

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

/** Consecutive bytes of a file that are on the disk. */
export interface ContentPiece {
  /** Bytes from the start of the file; whole blocks but for the last of a file. */
  readonly offset: number
  readonly bytes: Uint8Array
}

/** What a file holds, so that it can be compared before and after. */
export interface FileContents {
  /** Another one once somebody wrote to the file; moving its blocks leaves it as it is. */
  readonly stamp: string
  /** From the disk, in order of the file. What is not among them are holes and unwritten blocks: zeros. */
  pieces(): AsyncIterable<ContentPiece>
  /** Of a directory: its names, with types and without inode numbers. */
  names?(): AsyncIterable<ContentPiece>
}

/** `length` blocks of `kind` leave `from` and land exactly at `to`. */
export interface Move {
  readonly inode: number
  /** For engines that reach files by name. */
  readonly path?: string
  readonly kind: OwnedKind
  /** As in OwnedRun. */
  readonly logical: FileBlock
  readonly length: number
  readonly from: FsBlock
  readonly to: FsBlock
}

export type MoveOutcome =
  | {
      readonly move: Move
      readonly status:
        | 'moved' // read back and found at `to`
        | 'already' // was there before
        | 'gone' // the blocks no longer exist (file deleted, tree block no longer needed)
      readonly reason?: undefined
      readonly detail?: undefined
    }
  | SkippedMove

/** Not moved: the old place still holds. */
export interface SkippedMove extends Stayed<StayReason> {
  readonly move: Move
  readonly status: 'skipped'
}

/** Why something stays as it is. */
export interface Stayed<Reason extends string> {
  readonly reason: Reason
  /** What the reason's sentence does not say: a block number, an errno. */
  readonly detail?: string
}

export interface RelocateOptions {
  /** Blocks the engine must not use for its own needs, such as growing an extent tree. */
  readonly reserved: readonly BlockRun[]
  /**
   * Whether an engine that can keeps the reserved blocks from others between rounds; yes
   * unless false. What is kept takes room, which exact places may need more.
   */
  readonly keepReserved?: boolean
  /** Stop after the current batch; what was begun is finished. */
  readonly signal?: AbortSignal
  /** Blocks copied so far. */
  readonly onProgress?: (blocks: number) => void
}

/** What may be done with a slot of an inode table. */
export const slotState = {
  /** Nobody has it. */
  free: 0,
  /** Its inode may have another number. */
  movable: 1,
  /** Its inode keeps its number, or the slot must not be used. */
  fixed: 2,
} as const

/** The inode table of one group. */
export interface InodeTable {
  /** Number of the inode in the first slot. */
  readonly firstInode: number
  /** First block of the table. */
  readonly start: FsBlock
  /** One of `slotState` for each slot that was ever used. */
  readonly states: Uint8Array
}

/** The inode `inode` goes to the slot `to`; whoever is there takes its place. */
export interface Renumbering {
  readonly inode: number
  readonly to: number
}

export type RenumberOutcome =
  // 'renumbered': read back and found in its slot
  | {
      readonly renumbering: Renumbering
      readonly status: 'renumbered'
      readonly reason?: undefined
      readonly detail?: undefined
    }
  | SkippedRenumbering

export interface SkippedRenumbering extends Stayed<NumberReason> {
  readonly renumbering: Renumbering
  readonly status: 'skipped'
}

export interface RenumberOptions {
  /** Stop after the current transaction. */
  readonly signal?: AbortSignal
  /** Called with 1 for every renumbering looked at. */
  readonly onProgress?: (renumberings: number) => void
}

/** What an engine offers that can give inodes other numbers. */
export interface InodeNumbers {
  /** @throws unsupported when no inode of the filesystem may have another number */
  table(group: number): Promise<InodeTable>
  /** Why an inode in use keeps its number; undefined when it may have another. */
  fixed(inode: number): Promise<NumberReason | undefined>
  /**
   * Carries out exchanges in order, each seeing the numbers that those before left. An
   * exchange that was skipped changed nothing.
   */
  renumber(renumberings: readonly Renumbering[], options: RenumberOptions): AsyncIterable<RenumberOutcome>
}

export interface Volume {
  /** 'ext4-image', 'ext4-live' or a plugin's own. */
  readonly engine: string
  /** Whether nobody else changes it while it is open: an image or an unmounted device, not a mount. */
  readonly atRest: boolean
  /** Partition it was found in; 0 for a whole disk; undefined where there are none (a mount). */
  readonly partition?: number
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
  /** The block of the inode table an inode lies in; engines of filesystems without such tables lack it. */
  inodeBlock?(inode: number): Promise<FsBlock>
  /**
   * What the blocks of {@link extents} hold. An engine without it cannot check contents.
   * @returns undefined for what this engine cannot read, such as a directory of a mount
   */
  contents?(file: FileRef): Promise<FileContents | undefined>
  /** Inode that a name leads to, a link at its end not followed. Engines without it cannot follow inodes that change their numbers. */
  inodeAt?(path: string): Promise<number | undefined>
  /** The blocks of an inode table that are read to load an inode, and the one that holds it. */
  inodeRead?(inode: number): { readonly block: FsBlock; readonly read: BlockRun }
  /** Undefined where inodes keep their numbers, as on a mounted filesystem. */
  readonly inodeNumbers?: InodeNumbers
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
