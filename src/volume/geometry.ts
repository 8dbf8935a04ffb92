import type { FixedKind } from '../layout/owner.js'
import type { BlockRun } from '../layout/run.js'

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
  /** Block groups of ext4, allocation groups of XFS; the last may be shorter. */
  readonly blocksPerGroup: number
  readonly groupCount: number
  /** Sorted by start; what no engine ever moves. */
  readonly fixedRuns: readonly FixedRun[]
}
