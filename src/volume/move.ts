/** Moves, and what became of them. */
import type { FileBlock, FsBlock } from '../layout/block.js'
import type { OwnedKind } from '../layout/owner.js'
import type { StayReason } from '../layout/reason.js'
import type { BlockRun } from '../layout/run.js'

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
