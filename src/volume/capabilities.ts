/**
 * What some engines can and others cannot, so that nobody has to invent what a filesystem
 * does not have. Whoever needs a capability asks for it and says what cannot be done
 * without; the core of the contract (volume.ts) every engine has.
 */
import type { FsBlock } from '../layout/block.js'
import type { NumberReason } from '../layout/reason.js'
import type { BlockRun } from '../layout/run.js'
import type { TreeShape } from '../layout/tree-size.js'
import type { BlockSpace } from './block-space.js'
import type { FileRef } from './file.js'
import type { Stayed } from './move.js'

export interface Capabilities {
  /** Inodes lie in tables, so that each number is a place on the disk. */
  readonly inodeTables?: InodeTables
  /** What files hold can be read, so that it can be compared before and after. */
  readonly contents?: ContentReader
  /** Files with many extents have blocks for the tree over them, as many as this shape needs. */
  readonly treeGrowth?: TreeShape
  /** Jan Kara's block-moving calls work here (src/blocks): a view of the volume they work on. */
  readonly blockCalls?: () => BlockSpace
}

/** The arithmetic of inode tables. */
export interface InodeTableShape {
  /** Inodes there can be; numbers are 1 to this. */
  readonly inodeCount: number
  readonly inodesPerGroup: number
  readonly inodesPerBlock: number
  /** Groups whose tables lie together; 1 where each has its own place. */
  readonly groupsPerFlex: number
}

/** Where an inode lies, and what is read to load it. */
export interface InodePlace {
  /** The block of the table that holds it. */
  readonly block: FsBlock
  /** What the kernel reads of the table when it needs that block: some blocks around it. */
  readonly read: BlockRun
}

export interface InodeTables {
  readonly shape: InodeTableShape
  /** @param inode in range */
  place(inode: number): Promise<InodePlace>
  /** Inode that a name leads to, a link at its end not followed; undefined when nothing is there. */
  inodeAt(path: string): Promise<number | undefined>
  /** Undefined where inodes keep their numbers, as on a mounted filesystem. */
  readonly numbers?: InodeNumbers
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

/**
 * Reads what the blocks of a file's extents hold.
 * @returns undefined for what this engine cannot read, such as a directory of a mount
 */
export type ContentReader = (file: FileRef) => Promise<FileContents | undefined>

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
