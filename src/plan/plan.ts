/**
 * A plan: what will move where, in which round, why, and what it is worth. Pure
 * data, written as JSON with a fixed order of keys, so that the same input gives
 * the same bytes.
 */
import type { BlockRun } from '../layout/run.js'
import type { FsBlock } from '../layout/block.js'
import type { Move } from '../volume/volume.js'
import type { OwnedKind } from '../layout/owner.js'
import type { GapCause } from '../layout/gap-cause.js'
import type { SkipReason } from '../layout/reason.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'

export type MoveReason = 'boot' | 'evict'

export interface PlannedMove extends Move {
  readonly why: MoveReason
  /** A stop on the way, to break a cycle; a later round carries the blocks on. */
  readonly staging?: true
}

export interface PlanGap extends BlockRun {
  /** In the order in which they lie, each once. */
  readonly causes: readonly GapCause[]
}

export interface Skip {
  readonly inode?: number
  readonly path?: string
  readonly kind: OwnedKind
  readonly reason: SkipReason
  readonly blocks: number
}

export interface PlanGoal {
  readonly block: FsBlock
  readonly chosenBy: 'directory' | 'flag' | 'auto' | 'run'
  /** The directory whose first block it is. */
  readonly directory?: string
}

export interface PlanVolume {
  readonly target: string
  /** As in Volume. */
  readonly partition?: number
  readonly uuid: string
  readonly blockSize: number
  readonly blockCount: number
  /** SHA-256 over the mapping of every inode the plan touches. */
  readonly fingerprint: string
}

export interface PlanCost {
  /** Boot blocks that land in the run. */
  readonly placedBlocks: number
  /** Blocks of others moved out of the way. */
  readonly evictedBlocks: number
  /** Blocks written a second time because of a stop on the way. */
  readonly stagedBlocks: number
  /** All of them in bytes. */
  readonly bytesWritten: number
}

/** An inode gets another number, that is another slot in the inode tables. */
export interface PlannedRenumbering {
  readonly inode: number
  readonly to: number
  /** A name it can be found by, whatever its number is by then. */
  readonly path: string
  readonly why: MoveReason
}

export interface PlanInodes {
  /**
   * 'loads': the trace told which inodes were loaded. 'reads': only of files that were
   * read; for those that are only looked at, tables are read that no measure knows of.
   */
  readonly knownFrom: 'loads' | 'reads'
  /** Where the boot's inodes will lie: first and last of the block run. */
  readonly table: BlockRun
  /** Those of the boot in the order of their new numbers, then those that make room. */
  readonly renumberings: readonly PlannedRenumbering[]
}

export interface Plan {
  readonly bootpack: 'plan'
  /** 2 with `inodes`, which a program for version 1 would leave undone without a word. */
  readonly version: 1 | 2
  readonly volume: PlanVolume
  readonly goal: PlanGoal
  /** Where the boot set will lie, in read order. */
  readonly runs: readonly BlockRun[]
  readonly gaps: readonly PlanGap[]
  readonly rounds: readonly (readonly PlannedMove[])[]
  /** Carried out after the rounds and undone before them: `rounds` speaks of inodes by the numbers they had when the plan was made. */
  readonly inodes?: PlanInodes
  readonly skipped: readonly Skip[]
  readonly cost: PlanCost
  readonly measure: { readonly before: LayoutMeasure; readonly predicted: LayoutMeasure }
  /** What --evict would gain, when it was not asked for. */
  readonly withEviction?: { readonly cost: PlanCost; readonly predicted: LayoutMeasure }
}
